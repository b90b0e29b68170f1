"""Atrous spatial pyramid pooling.

Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017, https://arxiv.org/abs/1706.05587
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from monai.networks.layers.factories import Conv, Norm, Pool
from torch import nn


class AtrousConv(nn.Module):
    """A 3x3 convolution with dilation ``rate`` and zero padding ``rate``: the grid stays.

    Along an axis no longer than ``rate`` the outer taps only ever meet padding, so the centre tap alone is computed
    there. That is exact, and the weight keeps its full shape (the outer taps get a gradient of zero).

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels in.
        out_channels: channels out.
        rate: distance in voxels between the taps.
    """

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int, rate: int) -> None:
        super().__init__()
        self.spatial_dims = spatial_dims
        self.rate = rate
        full = Conv[Conv.CONV, spatial_dims](in_channels, out_channels, kernel_size=3, bias=False)
        self.weight = full.weight
        self.register_parameter("bias", None)  # BatchNorm follows; folding it leaves a bias here

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, *s) to (B, out_channels, *s)."""
        weight = self.weight
        padding: list[int] = []
        dilation: list[int] = []
        for axis in range(self.spatial_dims):
            if self.rate < x.shape[2 + axis]:
                padding.append(self.rate)
                dilation.append(self.rate)
            else:
                weight = weight.narrow(2 + axis, 1, 1)
                padding.append(0)
                dilation.append(1)
        if self.spatial_dims == 2:
            return F.conv2d(x, weight, self.bias, padding=padding, dilation=dilation)
        return F.conv3d(x, weight, self.bias, padding=padding, dilation=dilation)

    def extra_repr(self) -> str:
        """Show the shape of the weight and the rate when printed."""
        return f"weight={tuple(self.weight.shape)}, rate={self.rate}"


class ASPP(nn.Module):
    """See a feature map at several distances at once: 1x1, dilated 3x3 at each rate, and its global mean.

    ``drop(relu(norm(project(cat([relu(norm(branch_i(x))) for i], relu(pool_conv(mean(x))))))))``.

    Deviation from the paper: the pooled branch has a bias and no BatchNorm, which has nothing to normalise over in a
    batch of one.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels in.
        out_channels: channels out.
        branch_channels: channels of each branch (the paper's 256).
        rates: distance in voxels between the taps of each dilated branch.
        dropout_rate: share of elements dropped from the output, in training only.

    Example:
        >>> ASPP(spatial_dims=2, in_channels=8, out_channels=4, branch_channels=2)(torch.rand(2, 8, 16, 16)).shape
        torch.Size([2, 4, 16, 16])
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        branch_channels: int = 256,
        rates: Sequence[int] = (6, 12, 18),
        dropout_rate: float = 0.1,
    ) -> None:
        super().__init__()
        conv, norm = Conv[Conv.CONV, spatial_dims], Norm[Norm.BATCH, spatial_dims]

        def branch(layer: nn.Module, channels: int) -> nn.Sequential:
            return nn.Sequential(layer, norm(channels), nn.ReLU(inplace=True))

        self.branches = nn.ModuleList(
            [branch(conv(in_channels, branch_channels, kernel_size=1, bias=False), branch_channels)]
            + [branch(AtrousConv(spatial_dims, in_channels, branch_channels, rate), branch_channels) for rate in rates]
        )
        self.pool = nn.Sequential(
            Pool[Pool.ADAPTIVEAVG, spatial_dims](1),
            conv(in_channels, branch_channels, kernel_size=1),
            nn.ReLU(inplace=True),
        )
        joined = branch_channels * (len(rates) + 2)
        self.project = branch(conv(joined, out_channels, kernel_size=1, bias=False), out_channels)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, *s) to (B, out_channels, *s)."""
        maps = [branch(x) for branch in self.branches]
        pooled = self.pool(x)  # (B, branch_channels, 1, ...)
        maps.append(pooled.expand(pooled.shape[:2] + x.shape[2:]))
        return self.dropout(self.project(torch.cat(maps, dim=1)))
