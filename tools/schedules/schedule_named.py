"""The schedules of the learning rate by name, so that one override chooses."""

from __future__ import annotations

from torch.optim import Optimizer

from .plateau import PlateauLR
from .warmup_cosine import WarmupCosineLR

SCHEDULES = ("cosine", "warmup_cosine", "plateau")


def schedule_named(
    name: str,
    optimizer: Optimizer,
    max_epochs: int,
    min_lr: float = 1e-6,
    warmup_epochs: int = 10,
    factor: float = 0.5,
    patience: int = 10,
) -> WarmupCosineLR | PlateauLR:
    """Return a new schedule, to be stepped by ``handlers.step_schedule.StepSchedule``.

    All of them begin with the rate of the optimizer or below it, end with ``min_lr`` at the lowest, and can be lowered
    by ``restart`` when the loss explodes.

    Args:
        name: ``cosine`` (from the full rate), ``warmup_cosine`` (linear from a tenth first) or ``plateau`` (lowered
            when the score of the validation no longer rises).
        optimizer: its rates are the highest ever used.
        max_epochs: length of a cosine.
        min_lr: rate at the end.
        warmup_epochs: length of the warm-up, of ``warmup_cosine`` alone.
        factor: by which ``plateau`` multiplies the rate.
        patience: so many validations without a better score are borne by ``plateau``.

    Raises:
        ValueError: for an unknown name, listing those there are.
    """
    if name == "plateau":
        return PlateauLR(optimizer, factor=factor, patience=patience, min_lr=min_lr)
    if name not in SCHEDULES:
        raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}, got '{name}'")
    warmup = warmup_epochs if name == "warmup_cosine" else 0
    return WarmupCosineLR(optimizer, max_epochs, warmup_epochs=warmup, min_lr=min_lr)
