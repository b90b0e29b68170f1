"""Cross-entropy in which each class of an image weighs the same, however small it is.

Xie and Tu, "Holistically-Nested Edge Detection", 2015, https://arxiv.org/abs/1504.06375, section 2.2 (class-balanced
cross-entropy: weights from the areas within each image).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .softmax_loss import SoftmaxLoss


class BalancedCELoss(SoftmaxLoss):
    """Mean over images of ``sum(w[class] * -log softmax(logits)[class])``, ``w[c] = 1 / (k * area[c])``.

    ``area[c]`` is the number of voxels of class c in the image and ``k`` the number of classes that are in it, so that
    the weights of an image add up to 1: with two classes tumour and background have half of it each. In an image
    without tumour all weight is the background's: its loss is the plain mean.

    Deviation from the paper: the weights of a class add up to the same in every image, whatever its area.

    Example:
        >>> loss, target = BalancedCELoss(), torch.zeros(1, 1, 4, 4)
        >>> target[0, 0, 0, 0] = 1  # one tumour voxel of sixteen, and a network that says background everywhere
        >>> logits = torch.stack([torch.full((4, 4), 2.0), torch.zeros(4, 4)])[None]
        >>> round(loss(logits, target).item(), 4)  # (0.1269 + 2.1269) / 2
        1.1269
    """

    def compare(self, logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Return the loss of float32 logits (B, C, *s) and class numbers (B, *s) of dtype long, a scalar."""
        entropy = F.cross_entropy(logits, classes, reduction="none").flatten(1)  # (B, N)
        numbers = classes.flatten(1)
        areas = torch.stack([(numbers == number).sum(dim=1) for number in range(logits.shape[1])], dim=1)  # (B, C)
        present = (areas > 0).sum(dim=1, keepdim=True)
        weights = 1.0 / (present * areas.clamp(min=1))
        return (weights.gather(1, numbers) * entropy).sum() / len(logits)
