"""Dice of what is not background.

Milletari et al., "V-Net", 2016, https://arxiv.org/abs/1606.04797
"""

from __future__ import annotations

import torch
from monai.losses import DiceLoss

from .softmax_loss import SoftmaxLoss


class ForegroundDiceLoss(SoftmaxLoss):
    """``1 - (2 sum(p t) + smooth) / (sum(p) + sum(t) + smooth)``, the mean over all classes but background.

    ``p`` is the softmax probability of the class, ``t`` 1 where it is and 0 elsewhere; sums are over the whole batch,
    so that a slice without tumour is compared as a part of its batch. Without tumour and without prediction the loss is
    0. MONAI's ``DiceLoss`` does the work.

    Deviation from the paper: plain sums in the denominator, not sums of squares.

    Args:
        smooth: added to numerator and denominator, in voxels.
    """

    def __init__(self, smooth: float = 1.0) -> None:
        super().__init__()
        self.smooth = smooth
        self.loss = DiceLoss(
            include_background=False, to_onehot_y=True, softmax=True, batch=True, smooth_nr=smooth, smooth_dr=smooth
        )

    def compare(self, logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Return the loss of float32 logits (B, C, *s) and class numbers (B, *s) of dtype long, a scalar."""
        return self.loss(logits, classes[:, None])

    def extra_repr(self) -> str:
        """Show what is added when printed: a run's fingerprint is made from the text."""
        return f"smooth={self.smooth:g}"
