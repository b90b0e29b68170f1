"""The softmax losses by name, so that one override chooses."""

from __future__ import annotations

from .balanced_ce import BalancedCELoss
from .cross_entropy import CrossEntropyLoss
from .dice_bce import DiceBCELoss
from .foreground_dice import ForegroundDiceLoss
from .softmax_loss import SoftmaxLoss

LOSSES: dict[str, type[SoftmaxLoss]] = {
    "dice": ForegroundDiceLoss,
    "ce": CrossEntropyLoss,
    "balanced_ce": BalancedCELoss,
    "dice_bce": DiceBCELoss,
}


def loss_named(name: str) -> SoftmaxLoss:
    """Return a new loss.

    Raises:
        ValueError: for an unknown name, listing those there are.
    """
    if name not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got '{name}'")
    return LOSSES[name]()
