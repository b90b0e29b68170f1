"""Residual block of two 3x3 convolutions.

He et al., "Deep Residual Learning for Image Recognition", 2015, https://arxiv.org/abs/1512.03385
"""

from __future__ import annotations

import torch
from monai.networks.layers.factories import Conv, Norm
from torch import nn

from .conv_pair import conv_pair


class ResidualBlock(nn.Module):
    """``relu(norm(conv(drop(relu(norm(conv(x)))))) + shortcut(x))``.

    Norms are BatchNorm; convolutions are 3x3 and carry no bias, since the norm has one. The shortcut is the identity
    when the channels stay, else a 1x1 convolution and norm. Dropout drops whole channels.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels in.
        out_channels: channels out.
        dropout_rate: share of channels dropped between the two convolutions, in training only.
    """

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int, dropout_rate: float = 0.0) -> None:
        super().__init__()
        conv, norm = Conv[Conv.CONV, spatial_dims], Norm[Norm.BATCH, spatial_dims]
        self.main = conv_pair(spatial_dims, in_channels, out_channels, dropout_rate)
        self.shortcut = (
            nn.Identity()
            if in_channels == out_channels
            else nn.Sequential(conv(in_channels, out_channels, kernel_size=1, bias=False), norm(out_channels))
        )
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, *s) to (B, out_channels, *s)."""
        return self.activation(self.main(x) + self.shortcut(x))
