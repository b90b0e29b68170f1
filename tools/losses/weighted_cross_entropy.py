"""Cross-entropy and focal loss for classes of unequal size, for hard labels and for mixed ones.

Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2015, https://arxiv.org/abs/1512.00567
(label smoothing); Lin et al., "Focal Loss for Dense Object Detection", 2017, https://arxiv.org/abs/1708.02002
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ..transforms.class_label import item_class


class WeightedCrossEntropy(nn.Module):
    """``mean(-sum_c t_c w_c (1 - p_c)^gamma log p_c)``, ``t`` the label smoothed.

    With ``gamma`` 0 this is ``torch.nn.CrossEntropyLoss(weight, label_smoothing)`` for labels as probabilities, which
    divides by the number of samples (for hard labels torch divides by the sum of their weights instead; here mixed and
    hard labels are treated alike). Computed in float32, also under autocast.

    Args:
        class_weights: one weight a class; None for equal ones.
        label_smoothing: share of each label that is spread over all classes.
        gamma: focal exponent; 2 is the paper's, 0 none.

    Raises:
        ValueError: a weight or exponent below 0, or smoothing outside 0 to 1.

    Example:
        >>> loss = WeightedCrossEntropy([1.5, 0.5])
        >>> round(loss(torch.zeros(2, 2), torch.tensor([0, 1])).item(), 4)
        0.6931
    """

    def __init__(
        self, class_weights: Sequence[float] | None = None, label_smoothing: float = 0.1, gamma: float = 0.0
    ) -> None:
        super().__init__()
        broken = [f"class_weights must be above 0, got {class_weights}"] * bool(
            class_weights is not None and min(class_weights) <= 0
        ) + [f"label_smoothing must be from 0 to below 1, got {label_smoothing}"] * (not 0 <= label_smoothing < 1)
        broken += [f"gamma must be 0 or more, got {gamma}"] * (gamma < 0)
        if broken:
            raise ValueError("; ".join(broken))
        weights = None if class_weights is None else torch.tensor([float(weight) for weight in class_weights])
        self.register_buffer("class_weights", weights, persistent=False)
        self.label_smoothing = label_smoothing
        self.gamma = gamma

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Compare logits with labels.

        Args:
            input: logits (B, C).
            target: class numbers (B,), or probabilities (B, C).

        Returns:
            A scalar with a graph.

        Raises:
            ValueError: when the shapes do not fit together.
        """
        if target.shape != input.shape and target.shape != input.shape[:1]:
            raise ValueError(
                f"labels must be class numbers {tuple(input.shape[:1])} or probabilities {tuple(input.shape)}, got "
                f"{tuple(target.shape)}"
            )
        with torch.autocast(input.device.type, enabled=False):
            truth = target.float() if target.ndim == 2 else F.one_hot(target.long(), input.shape[1]).float()
            truth = truth * (1.0 - self.label_smoothing) + self.label_smoothing / input.shape[1]
            logs = F.log_softmax(input.float(), dim=1)
            terms = -truth * logs
            if self.gamma:
                terms = terms * (1.0 - logs.exp()) ** self.gamma
            if self.class_weights is not None:
                terms = terms * self.class_weights.to(terms.device)
            return terms.sum(dim=1).mean()


def balanced_weights(data: Sequence[Mapping[str, Any]], classes: int = 2, enabled: bool = True) -> list[float]:
    """Return ``n / (classes * n_c)`` for each class c of a datalist: 1 on average over the samples.

    Args:
        data: items with a class number ``label``.
        classes: number of classes.
        enabled: False gives equal weights.

    Raises:
        ValueError: when a class has no sample.
    """
    counts = [sum(item_class(item) == number for item in data) for number in range(classes)]
    if not enabled:
        return [1.0] * classes
    if not all(counts):
        raise ValueError(
            f"every class needs a training sample, found {dict(enumerate(counts))} by class number; check the split"
        )
    return [len(data) / (classes * count) for count in counts]
