"""A small head that predicts a mask from a feature map."""

from torch import nn


def mask_layers(hidden_size: int) -> nn.Sequential:
    """Return the layers from a map (B, hidden_size, h, w) to the logits (B, 1, h, w) of a mask."""
    return nn.Sequential(
        nn.Conv2d(hidden_size, hidden_size // 4, kernel_size=3, padding=1),
        nn.GELU(),
        nn.Conv2d(hidden_size // 4, 1, kernel_size=1),
    )
