"""One loss for the logits of several depths.

Lee et al., "Deeply-Supervised Nets", 2014, https://arxiv.org/abs/1409.5185
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class DeepSupervisionLoss(nn.Module):
    """``sum(weights[d] * loss(logits[:, d], target))`` over the depths d; logits without depths get ``loss`` itself.

    So it fits a network that gives several depths in training and one in evaluation, or has no depths at all.

    ``bad_samples`` holds the largest count of a depth, where ``loss`` counts them.

    Args:
        loss: compares logits (B, C, *s) with a target (B, 1, *s).
        weights: of the depths, the finest first; more than there are depths are not used.

    Raises:
        ValueError: for weights that weigh nothing, or too few of them.

    Example:
        >>> loss = DeepSupervisionLoss(nn.L1Loss(), weights=(1, 0.5))
        >>> heads = torch.stack([torch.ones(1, 1, 4), torch.full((1, 1, 4), 2.0)], dim=1)
        >>> loss(heads, torch.zeros(1, 1, 4))
        tensor(2.)
    """

    def __init__(self, loss: nn.Module, weights: Sequence[float] = (1.0, 0.4, 0.2, 0.1)) -> None:
        super().__init__()
        if not weights or min(weights) < 0 or max(weights) <= 0:
            raise ValueError(
                f"weights must be 0 or more with one above 0, got {list(weights)}; [1, 0.4, 0.2, 0.1] is usual"
            )
        self.loss = loss
        self.weights = tuple(float(weight) for weight in weights)
        self.bad_samples = torch.zeros((), dtype=torch.long)

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Compare a batch.

        Args:
            input: logits (B, C, *s), or (B, depths, C, *s) with the finest first.
            target: (B, 1, *s).

        Returns:
            A scalar with a graph.
        """
        if input.ndim == target.ndim:
            value = self.loss(input, target)
            self.bad_samples = getattr(self.loss, "bad_samples", self.bad_samples)
            return value
        depths = input.unbind(dim=1)
        if len(depths) > len(self.weights):
            raise ValueError(
                f"there are {len(depths)} depths of logits and {len(self.weights)} weights {list(self.weights)}; "
                "give a weight a depth"
            )
        values, counts = [], []
        for weight, logits in zip(self.weights, depths, strict=False):
            values.append(weight * self.loss(logits, target))
            counts.append(getattr(self.loss, "bad_samples", torch.zeros((), dtype=torch.long)))
        self.bad_samples = torch.stack(counts).amax()
        return torch.stack(values).sum()

    def extra_repr(self) -> str:
        """Show the weights when printed: a run's fingerprint is made from the text."""
        return f"weights={list(self.weights)}"
