"""Decoder of AuraViT: ASPP at the bottom, then gated skips and residual blocks up to the grid of the image.

Skips as in Hatamizadeh et al., "UNETR", 2021, https://arxiv.org/abs/2103.10504; gates as in Oktay et al.,
"Attention U-Net", 2018, https://arxiv.org/abs/1804.03999
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.layers.factories import Conv
from monai.utils import ensure_tuple_rep
from torch import nn

from ..layers.aspp import ASPP
from ..layers.attention_gate import AttentionGate
from ..layers.residual_block import ResidualBlock
from ..layers.upsample_block import UpsampleBlock

PATCH_SIZES = (4, 8, 16, 32)


def stage_strides(patch_size: Sequence[int], stages: int) -> list[tuple[int, ...]]:
    """Share the doublings from the token grid to the image among the stages, coarse first.

    Each of the last stages doubles; what is left over goes to the first one, and stages with nothing left keep the
    grid. With four stages: patch 16 gives 2, 2, 2, 2; patch 8 gives 1, 2, 2, 2; patch 32 gives 4, 2, 2, 2.

    Raises:
        ValueError: for a patch size that is none of 4, 8, 16, 32, with the nearest that is.
    """
    wrong = [size for size in patch_size if size not in PATCH_SIZES]
    if wrong:
        nearest = tuple(min(PATCH_SIZES, key=lambda valid, size=size: abs(valid - size)) for size in patch_size)
        raise ValueError(f"patch_size must be one of {PATCH_SIZES} an axis, got {tuple(patch_size)}. Try {nearest}.")
    columns = []
    for size in patch_size:
        doublings = size.bit_length() - 1
        column = [1] * stages
        for stage in range(stages - 1, max(stages - 1 - doublings, -1), -1):
            column[stage] = 2
        column[0] = column[0] * 2 ** max(doublings - stages, 0)
        columns.append(column)
    return list(zip(*columns, strict=True))


def climb(
    spatial_dims: int,
    in_channels: int,
    widths: Sequence[int],
    strides: Sequence[Sequence[int]],
    dropout_rate: float,
) -> nn.Sequential:
    """Lead a token map (B, in_channels, *grid) to a finer grid: an up-sampling and a residual block for each width."""
    steps: list[nn.Module] = []
    for width, stride in zip(widths, strides, strict=True):
        steps.append(UpsampleBlock(spatial_dims, in_channels, width, stride))
        steps.append(ResidualBlock(spatial_dims, width, width, dropout_rate))
        in_channels = width
    return nn.Sequential(*steps)


def as_map(tokens: torch.Tensor, grid: list[int]) -> torch.Tensor:
    """View (B, N, hidden_size) as (B, hidden_size, *grid): channels-last memory, nothing is copied."""
    return tokens.transpose(1, 2).reshape([tokens.shape[0], tokens.shape[2]] + grid)


class DecoderStage(nn.Module):
    """One step up: ``residual(cat(up(x), gate(up(x), skip(tokens))))``.

    The skip climbs from the token grid through an up-sampling and a residual block for each stage passed so far.

    Args:
        spatial_dims: 2 or 3.
        hidden_size: channels of the token map.
        in_channels: channels from the stage below.
        widths: channels of the stages up to this one; the last is this stage's.
        strides: strides of the stages up to this one.
        dropout_rate: of the residual blocks.
        gated: weigh the skip by an attention gate.
    """

    def __init__(
        self,
        spatial_dims: int,
        hidden_size: int,
        in_channels: int,
        widths: Sequence[int],
        strides: Sequence[Sequence[int]],
        dropout_rate: float,
        gated: bool,
    ) -> None:
        super().__init__()
        width = widths[-1]
        self.up = UpsampleBlock(spatial_dims, in_channels, width, strides[-1])
        self.skip = climb(spatial_dims, hidden_size, widths, strides, dropout_rate)
        self.gate = AttentionGate(spatial_dims, width, width) if gated else None
        self.merge = ResidualBlock(spatial_dims, 2 * width, width, dropout_rate)

    def forward(self, x: torch.Tensor, token_map: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, *s) and the token map (B, hidden_size, *grid) to (B, width, *(s * stride))."""
        x = self.up(x)
        skip = self.skip(token_map)
        if self.gate is not None:
            skip = self.gate(x, skip)
        return self.merge(torch.cat([x, skip], dim=1))


class AuraDecoder(nn.Module):
    """Tokens of several depths to logits: ASPP on the deepest, one stage a depth, one 1x1 convolution at the end.

    Stage 1 takes its skip from the deepest tokens, the last stage from the shallowest.

    Args:
        spatial_dims: 2 or 3.
        hidden_size: length of a token.
        out_channels: logits a voxel.
        grid: patches along each axis.
        patch_size: voxels of a patch; 4, 8, 16 or 32 along each axis.
        decoder_channels: channels of the stages, coarse first; as many as there are depths.
        dropout_rate: of the residual blocks.
        aspp_rates: dilation rates of the ASPP.
        aspp_dropout_rate: of its output.
        gated: attention gates on the skips.
    """

    def __init__(
        self,
        spatial_dims: int,
        hidden_size: int,
        out_channels: int,
        grid: Sequence[int],
        patch_size: int | Sequence[int],
        decoder_channels: Sequence[int] = (512, 256, 128, 64),
        dropout_rate: float = 0.05,
        aspp_rates: Sequence[int] = (6, 12, 18),
        aspp_dropout_rate: float = 0.1,
        gated: bool = True,
    ) -> None:
        super().__init__()
        self.grid = list(grid)
        widths = list(decoder_channels)
        strides = stage_strides(ensure_tuple_rep(patch_size, spatial_dims), len(widths))
        branch = max(1, widths[0] // 2)  # 256 of 512, as in DeepLabv3
        self.aspp = ASPP(spatial_dims, hidden_size, widths[0], branch, aspp_rates, aspp_dropout_rate)
        self.stages = nn.ModuleList(
            DecoderStage(
                spatial_dims,
                hidden_size,
                widths[max(number - 1, 0)],
                widths[: number + 1],
                strides[: number + 1],
                dropout_rate,
                gated,
            )
            for number in range(len(widths))
        )
        self.out = Conv[Conv.CONV, spatial_dims](widths[-1], out_channels, kernel_size=1)

    def forward(self, tokens: list[torch.Tensor]) -> torch.Tensor:
        """Map tokens, each (B, N, hidden_size), shallow first, to logits (B, out_channels, *(grid * patch_size))."""
        x = self.aspp(self.to_map(tokens[-1]))
        for number, stage in enumerate(self.stages):
            x = stage(x, self.to_map(tokens[len(tokens) - 1 - number]))
        return self.out(x)

    def to_map(self, tokens: torch.Tensor) -> torch.Tensor:
        """View (B, N, hidden_size) as (B, hidden_size, *grid): channels-last memory, nothing is copied."""
        return as_map(tokens, self.grid)
