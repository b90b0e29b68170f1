"""The stem of a HybridLungViT with the plainest head there is: what the tokens must be better than."""

from __future__ import annotations

import torch
from torch import nn


class StemAlone(nn.Module):
    """Stem, mean over the map, one linear layer; the lung mask is not looked at.

    Args:
        stem: (B, 1, H, W) to (B, stem.out_channels, h, w).
        out_channels: number of classes.
        dropout_rate: before the linear layer.
    """

    def __init__(self, stem: nn.Module, out_channels: int = 2, dropout_rate: float = 0.1) -> None:
        super().__init__()
        self.stem = stem
        self.head = nn.Sequential(nn.Dropout(dropout_rate), nn.Linear(stem.out_channels, out_channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map image and mask (B, 2, H, W) to logits (B, out_channels)."""
        return self.head(self.stem(x[:, :1]).mean(dim=(2, 3)))
