"""Starting weights of convolutions, linear layers and norms.

He et al., "Delving Deep into Rectifiers", 2015, https://arxiv.org/abs/1502.01852 (Kaiming, for convolutions).
Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010 (Xavier, for
attention and other linear layers).
"""

from __future__ import annotations

from torch import nn

CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)
NORMS = (nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm)


def init_weights(module: nn.Module) -> None:
    """Initialise one module in place; for use with ``network.apply(init_weights)``.

    Convolutions: Kaiming normal (fan in). Linear: Xavier uniform. Norms: weight 1. Every bias: 0.
    """
    if isinstance(module, CONVOLUTIONS):
        nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    elif isinstance(module, NORMS):
        nn.init.ones_(module.weight)
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)
