"""Dice plus cross-entropy that leaves out samples that are not finite.

Milletari et al., "V-Net", 2016, https://arxiv.org/abs/1606.04797 (Dice loss)
"""

from __future__ import annotations

import torch
from monai.losses import DiceCELoss
from torch import nn


class FiniteDiceCELoss(nn.Module):
    """``monai.losses.DiceCELoss(sigmoid=True)`` over the samples whose logits and target are finite.

    When every sample is finite the value and the gradient are MONAI's. A sample with a NaN or Inf in its logits or
    target is replaced, before the loss, by an empty one that predicts nothing with certainty: it adds nothing to the
    Dice sums or to the cross-entropy, and the means are taken over the samples that are left. Its logits get a gradient
    of zero. When no sample is left the value is NaN, since there is nothing to report, and every gradient is zero.

    The loss never asks the device for a value. ``bad_samples`` holds the number of samples left out of the last call,
    as a tensor on the device: a guard reads it together with what else it reads. A finite gradient of the loss does
    not keep a network from NaN when its activations are NaN, so a guard must still skip the step.

    Computed in float32, also under autocast.

    Args:
        include_background: count channel 0 in the Dice (always counted in the cross-entropy).
        batch: Dice over the whole batch; when false, the mean of a Dice per sample.
        smooth: added to numerator and denominator of the Dice.
        lambda_dice: weight of the Dice loss.
        lambda_ce: weight of the cross-entropy: binary for one channel, softmax for more, as in MONAI.

    Example:
        >>> loss = FiniteDiceCELoss()
        >>> logits = torch.zeros(2, 1, 4, 4)
        >>> logits[1] = torch.nan
        >>> value, bad = loss(logits, torch.ones(2, 1, 4, 4)), loss.bad_samples
        >>> round(value.item(), 3), bad.item()
        (1.026, 1)
    """

    def __init__(
        self,
        include_background: bool = True,
        batch: bool = True,
        smooth: float = 1e-5,
        lambda_dice: float = 1.0,
        lambda_ce: float = 1.0,
    ) -> None:
        super().__init__()
        self.batch = batch
        self.lambda_dice = lambda_dice
        self.lambda_ce = lambda_ce
        self.loss = DiceCELoss(
            include_background=include_background, sigmoid=True, batch=batch, smooth_nr=smooth, smooth_dr=smooth
        )
        self.bad_samples = torch.zeros((), dtype=torch.long)

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Compare logits with a target.

        Args:
            input: logits (B, C, *s).
            target: (B, C, *s) of 0 and 1, one channel per class.

        Returns:
            A scalar with a graph.

        Raises:
            ValueError: when the shapes differ.
        """
        if input.shape != target.shape:
            raise ValueError(
                f"logits and target must have the same shape, got {tuple(input.shape)} and {tuple(target.shape)}. "
                "Give the target one channel per class."
            )
        with torch.autocast(input.device.type, enabled=False):
            logits, truth = input.float(), target.to(torch.float32)
            finite = (torch.isfinite(logits) & torch.isfinite(truth)).flatten(1).all(dim=1)  # (B,)
            kept = finite.sum()
            self.bad_samples = (finite.numel() - kept).detach()
            logits, truth = self.empty(logits, truth, finite)
            share = finite.numel() / kept  # exactly 1 when all are finite; inf when none is
            dice = self.loss.dice(logits, truth)
            entropy = self.loss.bce(logits, truth) if logits.shape[1] == 1 else self.loss.ce(logits, truth)
            if not self.batch:
                dice = dice * share.clamp(max=finite.numel())
            value = self.lambda_dice * dice + self.lambda_ce * entropy * share.clamp(max=finite.numel())
            return value + torch.where(kept > 0, 0.0, torch.nan)

    @staticmethod
    def empty(logits: torch.Tensor, truth: torch.Tensor, finite: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Replace samples that are not finite by an empty target and logits whose sigmoid is exactly zero."""
        keep = finite.reshape([-1] + [1] * (logits.ndim - 1))
        certain = torch.full((), -1000.0, device=logits.device)  # exp(-1000) is 0 in float32
        return torch.where(keep, logits, certain), torch.where(keep, truth, torch.zeros((), device=truth.device))
