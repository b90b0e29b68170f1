"""Additive attention gate for skip connections.

Oktay et al., "Attention U-Net: Learning Where to Look for the Pancreas", 2018, https://arxiv.org/abs/1804.03999
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from monai.networks.layers.factories import Conv
from torch import nn


class AttentionGate(nn.Module):
    """Scale a skip feature map by how much each position agrees with a gating signal.

    ``alpha = sigmoid(score(relu(W_x x + W_g g)))``, output ``alpha * x``; every ``W`` is a 1x1 convolution.

    Deviation from the paper: no output convolution, and the skip is not strided; a coarser gate is interpolated up.

    Args:
        spatial_dims: 2 or 3.
        gate_channels: channels of the gating signal (decoder side).
        skip_channels: channels of the skip connection (encoder side), and of the output.
        hidden_channels: channels of the space the two are compared in. Default: ``skip_channels // 2``.

    Raises:
        ValueError: when the hidden space would have no channels.

    Example:
        >>> gate = AttentionGate(spatial_dims=2, gate_channels=64, skip_channels=32)
        >>> gate(torch.rand(1, 64, 8, 8), torch.rand(1, 32, 16, 16)).shape
        torch.Size([1, 32, 16, 16])
    """

    def __init__(
        self, spatial_dims: int, gate_channels: int, skip_channels: int, hidden_channels: int | None = None
    ) -> None:
        super().__init__()
        hidden = skip_channels // 2 if hidden_channels is None else hidden_channels
        if hidden < 1:
            raise ValueError(
                f"hidden_channels must be at least 1, got {hidden} (skip_channels={skip_channels}). "
                "Pass hidden_channels explicitly for narrow skips."
            )
        conv = Conv[Conv.CONV, spatial_dims]
        self.project_gate = conv(gate_channels, hidden, kernel_size=1)
        self.project_skip = conv(skip_channels, hidden, kernel_size=1, bias=False)
        self.score = conv(hidden, 1, kernel_size=1)
        self.mode = {2: "bilinear", 3: "trilinear"}[spatial_dims]

    def forward(self, gate: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """Weigh the skip connection.

        Args:
            gate: (B, gate_channels, *g), any grid no finer than that of ``skip``.
            skip: (B, skip_channels, *s).

        Returns:
            (B, skip_channels, *s): ``skip`` times weights in (0, 1).
        """
        gate = self.project_gate(gate)
        if gate.shape[2:] != skip.shape[2:]:
            gate = F.interpolate(gate, size=skip.shape[2:], mode=self.mode, align_corners=False)
        weights = torch.sigmoid(self.score(F.relu(gate + self.project_skip(skip))))  # (B, 1, *s)
        return skip * weights
