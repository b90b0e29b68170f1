"""Balanced cross-entropy and foreground Dice together."""

from __future__ import annotations

import torch

from .balanced_ce import BalancedCELoss
from .foreground_dice import ForegroundDiceLoss
from .softmax_loss import SoftmaxLoss


class DiceBCELoss(SoftmaxLoss):
    """``BalancedCELoss + ForegroundDiceLoss``: the one never loses sight of a small target, the other of its edge.

    Args:
        smooth: of the Dice, in voxels.
    """

    def __init__(self, smooth: float = 1.0) -> None:
        super().__init__()
        self.balanced_ce = BalancedCELoss()
        self.dice = ForegroundDiceLoss(smooth)

    def compare(self, logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Return the loss of float32 logits (B, C, *s) and class numbers (B, *s) of dtype long, a scalar."""
        return self.balanced_ce.compare(logits, classes) + self.dice.compare(logits, classes)
