"""The loss of HybridLungViT: classes, and with weights above 0 the lung mask and where the network looks."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import nn


class HybridLoss(nn.Module):
    """``classification + lambda_seg * (0.5 BCE + 0.5 Dice) + lambda_att * outside``.

    ``outside`` is the mean share of attention that falls on tokens outside the lungs: ``sum_t a_t (1 - m_t)`` with
    ``a_t`` the weight of a token and ``m_t`` the share of lung in it. The mask is a heuristic one: keep the weights
    small. The parts of the last call are in ``parts``, detached, on the device.

    Args:
        classification: loss of logits (B, C) and labels.
        lambda_seg: weight of the segmentation loss; needs a network with ``segmentation_head`` and ``auxiliary``.
        lambda_att: weight of the attention term; needs a network with ``auxiliary``.

    Raises:
        ValueError: for a weight below 0.
    """

    def __init__(self, classification: nn.Module, lambda_seg: float = 0.0, lambda_att: float = 0.0) -> None:
        super().__init__()
        if min(lambda_seg, lambda_att) < 0:
            raise ValueError(f"weights must be 0 or more, got lambda_seg={lambda_seg}, lambda_att={lambda_att}")
        self.classification = classification
        self.lambda_seg = lambda_seg
        self.lambda_att = lambda_att
        self.parts: dict[str, torch.Tensor] = {}

    def forward(self, input: torch.Tensor | Mapping[str, torch.Tensor], target: torch.Tensor) -> torch.Tensor:
        """Return a scalar with a graph.

        Args:
            input: logits (B, C), or the dictionary that ``HybridLungViT`` returns in training with ``auxiliary``.
            target: class numbers (B,) or probabilities (B, C).

        Raises:
            ValueError: when a weight is above 0 and the network does not return what it weighs.
        """
        found = input if isinstance(input, Mapping) else {"logits": input}
        total = self.classification(found["logits"], target)
        parts = {"classification": total}
        if self.lambda_seg:
            parts["segmentation"] = mask_loss(self._get(found, "mask_logits"), found["mask"])
            total = total + self.lambda_seg * parts["segmentation"]
        if self.lambda_att:
            parts["attention"] = attention_outside(self._get(found, "attention"), found["lung"])
            total = total + self.lambda_att * parts["attention"]
        self.parts = {name: value.detach() for name, value in parts.items()}
        return total

    @staticmethod
    def _get(found: Mapping[str, torch.Tensor], name: str) -> torch.Tensor:
        if name not in found:
            raise ValueError(
                f"the network returned no {name}, which lambda_seg or lambda_att above 0 needs: build it with "
                "auxiliary=True (and segmentation_head=True for lambda_seg)"
            )
        return found[name]


def mask_loss(logits: torch.Tensor, mask: torch.Tensor, smooth: float = 1.0) -> torch.Tensor:
    """``0.5 BCE + 0.5 (1 - Dice)``, Dice of each image with ``smooth`` in both terms, then the mean.

    Args:
        logits: (B, 1, H, W).
        mask: the same shape, 0 to 1.
        smooth: added to numerator and denominator.
    """
    with torch.autocast(logits.device.type, enabled=False):
        logits, mask = logits.float(), mask.float()
        entropy = F.binary_cross_entropy_with_logits(logits, mask)
        found = logits.sigmoid()
        overlap = 2.0 * (found * mask).sum(dim=(1, 2, 3)) + smooth
        dice = overlap / (found.sum(dim=(1, 2, 3)) + mask.sum(dim=(1, 2, 3)) + smooth)
        return 0.5 * entropy + 0.5 * (1.0 - dice).mean()


def attention_outside(attention: torch.Tensor, lung: torch.Tensor) -> torch.Tensor:
    """Return the mean attention (B, N) that falls outside the lungs, given the share of lung (B, N) of each token."""
    return (attention.float() * (1.0 - lung.float())).sum(dim=1).mean()
