"""U-Net with attention gates on its skips, or without them.

Oktay et al., "Attention U-Net: Learning Where to Look for the Pancreas", 2018, https://arxiv.org/abs/1804.03999
Ronneberger et al., "U-Net", 2015, https://arxiv.org/abs/1505.04597
Lee et al., "Deeply-Supervised Nets", 2014, https://arxiv.org/abs/1409.5185 (logits at every depth)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from monai.networks.layers.factories import Conv, Pool
from torch import nn

from ..layers.attention_gate import AttentionGate
from ..layers.double_conv import DoubleConv
from ..layers.weight_init import init_weights

MODES = {2: "bilinear", 3: "trilinear"}


class UpStage(nn.Module):
    """One level up: ``double_conv(cat(gate(x, skip), up(x)))``, ``up`` a linear interpolation to the skip's grid.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels from the level below.
        skip_channels: channels of the skip, and of the output.
        gated: weigh the skip by an attention gate, the level below as its gating signal.
        dropout_rate: of the double convolution.
        out_channels: logits of an own head on this stage, for deep supervision; 0 for none.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        skip_channels: int,
        gated: bool,
        dropout_rate: float,
        out_channels: int,
    ) -> None:
        super().__init__()
        self.mode = MODES[spatial_dims]
        self.gate = AttentionGate(spatial_dims, in_channels, skip_channels) if gated else None
        self.merge = DoubleConv(spatial_dims, in_channels + skip_channels, skip_channels, dropout_rate)
        conv = Conv[Conv.CONV, spatial_dims]
        self.head = conv(skip_channels, out_channels, kernel_size=1) if out_channels else None

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, *coarse) and the skip (B, skip_channels, *s) to (B, skip_channels, *s)."""
        if self.gate is not None:
            weighed = self.gate(x, skip)
        else:
            weighed = skip
        x = F.interpolate(x, size=skip.shape[2:], mode=self.mode, align_corners=False)
        return self.merge(torch.cat([weighed, x], dim=1))


class AttentionUNet(nn.Module):
    """Segment an image on its own grid, of any size: double convolutions, four times down and up, gated skips.

    Levels are halved by max pooling (rounded up) and doubled by linear interpolation to the grid of their skip, so odd
    sizes need no padding. The gating signal is the coarser level before its interpolation, which equals gating after it
    at a quarter of the cost. Each stage upwards has the channels of its skip.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the image.
        out_channels: logits a voxel, for softmax: 2 for background and target.
        features: channels of the levels, fine first. The deepest has as many as the one above it: linear interpolation
            has no weights that could halve them on the way up.
        attention: attention gates on the skips; False is the plain U-Net.
        deep_supervision: logits of every stage in training.
        dropout_rate: share of channels dropped between the two convolutions of each level.
        dropout: another name of ``dropout_rate``, which it overrides when given (MONAI Label sets it).

    Raises:
        ValueError: when the arguments make no network, all that is wrong at once.

    Example:
        >>> network = AttentionUNet(features=(4, 8, 8))
        >>> network(torch.rand(2, 1, 21, 32)).shape
        torch.Size([2, 2, 21, 32])
    """

    def __init__(
        self,
        spatial_dims: int = 2,
        in_channels: int = 1,
        out_channels: int = 2,
        features: Sequence[int] = (64, 128, 256, 512, 512),
        attention: bool = True,
        deep_supervision: bool = False,
        dropout_rate: float = 0.0,
        dropout: float | None = None,
    ) -> None:
        super().__init__()
        check(spatial_dims, in_channels, out_channels, features)
        rate = dropout_rate if dropout is None else dropout
        self.deep_supervision = deep_supervision
        self.mode = MODES[spatial_dims]
        self.stem = DoubleConv(spatial_dims, in_channels, features[0], rate)
        self.pool = Pool[Pool.MAX, spatial_dims](kernel_size=2, ceil_mode=True)
        self.down = nn.ModuleList(
            DoubleConv(spatial_dims, features[level - 1], features[level], rate) for level in range(1, len(features))
        )
        self.up = nn.ModuleList(
            UpStage(
                spatial_dims,
                features[min(level + 1, len(features) - 1)],
                features[level],
                attention,
                rate,
                out_channels if deep_supervision and level > 0 else 0,
            )
            for level in range(len(features) - 2, -1, -1)
        )
        self.out = Conv[Conv.CONV, spatial_dims](features[0], out_channels, kernel_size=1)
        self.apply(init_weights)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Segment an image.

        Args:
            x: (B, in_channels, *s), any size.

        Returns:
            Logits (B, out_channels, *s). In training with deep supervision (B, stages, out_channels, *s): the finest
            stage first, which is what evaluation returns, then the others from fine to coarse, interpolated to *s.
        """
        size = x.shape[2:]
        x = self.stem(x)
        skips = [x]
        for level in self.down:
            x = level(self.pool(x))
            skips.append(x)
        coarse: list[torch.Tensor] = []
        for number, stage in enumerate(self.up):
            x = stage(x, skips[len(skips) - 2 - number])
            if stage.head is not None and self.training:
                coarse.append(F.interpolate(stage.head(x), size=size, mode=self.mode, align_corners=False))
        logits = self.out(x)
        if not self.training or not self.deep_supervision:
            return logits
        return torch.stack([logits] + coarse[::-1], dim=1)


def check(spatial_dims: int, in_channels: int, out_channels: int, features: Sequence[int]) -> None:
    """Refuse arguments that make no network."""
    rules = {
        f"spatial_dims must be 2 or 3, got {spatial_dims}": spatial_dims in MODES,
        f"in_channels must be at least 1, got {in_channels}": in_channels >= 1,
        f"out_channels must be at least 1, got {out_channels}": out_channels >= 1,
        f"features needs two levels or more, at least 2 channels each, got {list(features)}": len(features) >= 2
        and min(features) >= 2,
    }
    broken = [rule for rule, kept in rules.items() if not kept]
    if broken:
        raise ValueError("; ".join(broken) + ". The published network has features [64, 128, 256, 512, 512].")
