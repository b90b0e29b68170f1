"""What the losses of softmax networks share: shapes, precision, and what happens with numbers that are not finite."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import nn


class SoftmaxLoss(nn.Module, ABC):
    """Compare logits of classes that exclude one another with a map of class numbers; ``compare`` says how.

    A sample whose logits or target hold a NaN or an infinity is counted in ``bad_samples``, a tensor on the device, and
    the value is NaN: nothing is clamped, left out or replaced by a constant. A guard reads the count together with what
    else it reads, and leaves out the step. The loss never asks the device for a value.

    Computed in float32, also under autocast.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bad_samples = torch.zeros((), dtype=torch.long)

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Compare a batch.

        Args:
            input: logits (B, C, *s), at least two classes.
            target: class numbers (B, 1, *s), 0 for background, of any dtype.

        Returns:
            A scalar with a graph.

        Raises:
            ValueError: when the shapes do not fit.
        """
        if input.shape[1] < 2 or target.shape != (input.shape[0], 1, *input.shape[2:]):
            raise ValueError(
                "softmax losses take logits (B, C, *s) of two classes or more and class numbers (B, 1, *s), got "
                f"{tuple(input.shape)} and {tuple(target.shape)}. Give the target one channel, the network one "
                "output a class with background among them."
            )
        with torch.autocast(input.device.type, enabled=False):
            logits, truth = input.float(), target.float()
            # a sum is finite when all of it is: a fiftieth of the time of looking at each voxel
            finite = torch.isfinite(logits.flatten(1).sum(dim=1)) & torch.isfinite(truth.flatten(1).sum(dim=1))
            self.bad_samples = (~finite).sum()
            classes = truth[:, 0].nan_to_num(nan=0.0, posinf=0.0, neginf=0.0).long()
            return self.compare(logits, classes) + torch.where(finite.all(), 0.0, torch.nan)

    @abstractmethod
    def compare(self, logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Return the loss of float32 logits (B, C, *s) and class numbers (B, *s) of dtype long, a scalar."""
