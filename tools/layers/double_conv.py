"""Two 3x3 convolutions, the block that a U-Net is made of.

Ronneberger et al., "U-Net", 2015, https://arxiv.org/abs/1505.04597. BatchNorm after each convolution: Ioffe and
Szegedy, 2015, https://arxiv.org/abs/1502.03167
"""

from __future__ import annotations

import torch
from torch import nn

from .conv_pair import conv_pair


class DoubleConv(nn.Module):
    """``relu(norm(conv(drop(relu(norm(conv(x)))))))``; the grid stays.

    Deviation from the paper: padded convolutions, BatchNorm. Convolutions carry no bias, since the norm has one.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels in.
        out_channels: channels out, and between the two convolutions.
        dropout_rate: share of channels dropped between the two convolutions, in training only.

    Example:
        >>> DoubleConv(spatial_dims=2, in_channels=1, out_channels=4)(torch.rand(2, 1, 7, 9)).shape
        torch.Size([2, 4, 7, 9])
    """

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int, dropout_rate: float = 0.0) -> None:
        super().__init__()
        self.main = conv_pair(spatial_dims, in_channels, out_channels, dropout_rate).append(nn.ReLU(inplace=True))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, *s) to (B, out_channels, *s)."""
        return self.main(x)
