"""Fold BatchNorm into the convolution before it, for inference.

Ioffe and Szegedy, "Batch Normalization", 2015, https://arxiv.org/abs/1502.03167, section 3.1
"""

from __future__ import annotations

import torch
from torch import nn

from ..layers.aspp import AtrousConv

FOLDABLE = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)
NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)


@torch.no_grad()
def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Put each BatchNorm that follows a convolution in an ``nn.Sequential`` into that convolution.

    ``w' = w * s``, ``b' = b * s + beta - mean * s`` with ``s = gamma / sqrt(var + eps)`` per output channel. Logits
    stay equal up to rounding (1e-5). Weights are changed in place, so that no second copy of the network is needed;
    norms become ``nn.Identity``. Names of weights change: save the network before, not after.

    Args:
        network: in evaluation mode; afterwards only good for evaluation.

    Returns:
        The same network.

    Raises:
        ValueError: when the network is in training mode.
    """
    if network.training:
        raise ValueError("fold_batch_norm needs a network in evaluation mode; call network.eval() first.")
    for sequence in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for position in range(len(sequence) - 1):
            conv, norm = sequence[position], sequence[position + 1]
            if isinstance(conv, (*FOLDABLE, AtrousConv)) and isinstance(norm, NORMS):
                fold(conv, norm)
                sequence[position + 1] = nn.Identity()
    return network


def fold(conv: nn.Module, norm: nn.Module) -> None:
    """Fold one norm into the convolution before it, in place."""
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    axis = 1 if isinstance(conv, nn.ConvTranspose2d | nn.ConvTranspose3d) else 0
    shape = [1] * conv.weight.ndim
    shape[axis] = -1
    conv.weight.mul_(scale.reshape(shape))
    bias = 0.0 if conv.bias is None else conv.bias
    conv.bias = nn.Parameter((bias - norm.running_mean) * scale + norm.bias)
