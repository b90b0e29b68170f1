"""Cross-entropy, the mean over all voxels of a batch."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .softmax_loss import SoftmaxLoss


class CrossEntropyLoss(SoftmaxLoss):
    """``mean(-log softmax(logits)[class])`` over all voxels: with little target it is the background's loss.

    Example:
        >>> loss = CrossEntropyLoss()
        >>> round(loss(torch.zeros(1, 2, 4, 4), torch.zeros(1, 1, 4, 4)).item(), 4)
        0.6931
    """

    def compare(self, logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Return the loss of float32 logits (B, C, *s) and class numbers (B, *s) of dtype long, a scalar."""
        return F.cross_entropy(logits, classes)
