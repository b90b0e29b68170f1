"""Up-sampling by a transposed convolution that does not overlap itself.

Ronneberger et al., "U-Net", 2015, https://arxiv.org/abs/1505.04597. Kernel equals stride, so no checkerboard:
Odena et al., "Deconvolution and Checkerboard Artifacts", 2016, https://doi.org/10.23915/distill.00003
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.layers.factories import Conv, Norm
from torch import nn


class UpsampleBlock(nn.Module):
    """``relu(norm(transposed_conv(x)))`` with kernel = stride, so every output has exactly one input position.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels in.
        out_channels: channels out.
        stride: how many times finer each axis becomes; 1 keeps the grid (a 1x1 convolution).
    """

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int, stride: int | Sequence[int] = 2) -> None:
        super().__init__()
        stride = stride if isinstance(stride, int) else tuple(stride)
        transposed = Conv[Conv.CONVTRANS, spatial_dims]
        self.main = nn.Sequential(
            transposed(in_channels, out_channels, kernel_size=stride, stride=stride, bias=False),
            Norm[Norm.BATCH, spatial_dims](out_channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, *s) to (B, out_channels, *(s * stride))."""
        return self.main(x)
