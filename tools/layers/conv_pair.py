"""Two 3x3 convolutions, each with its norm: what plain and residual blocks are made of.

BatchNorm after each convolution: Ioffe and Szegedy, 2015, https://arxiv.org/abs/1502.03167
"""

from __future__ import annotations

from monai.networks.layers.factories import Conv, Dropout, Norm
from torch import nn


def conv_pair(spatial_dims: int, in_channels: int, out_channels: int, dropout_rate: float) -> nn.Sequential:
    """Return ``norm(conv(drop(relu(norm(conv(x))))))``, (B, in_channels, *s) to (B, out_channels, *s).

    Norms are BatchNorm; convolutions are padded and carry no bias, since the norm has one.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels in.
        out_channels: channels out, and between the two convolutions.
        dropout_rate: share of channels dropped between the two convolutions, in training only.
    """
    conv, norm = Conv[Conv.CONV, spatial_dims], Norm[Norm.BATCH, spatial_dims]
    return nn.Sequential(
        conv(in_channels, out_channels, kernel_size=3, padding=1, bias=False),
        norm(out_channels),
        nn.ReLU(inplace=True),
        Dropout[Dropout.DROPOUT, spatial_dims](dropout_rate),
        conv(out_channels, out_channels, kernel_size=3, padding=1, bias=False),
        norm(out_channels),
    )
