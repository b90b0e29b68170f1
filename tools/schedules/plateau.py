"""Lower the rate when a score no longer rises: torch's ReduceLROnPlateau, which ``LossExplosion`` can lower as well."""

from __future__ import annotations

from torch.optim.lr_scheduler import ReduceLROnPlateau


class PlateauLR(ReduceLROnPlateau):
    """``ReduceLROnPlateau`` for a score that is better when higher.

    ``step(score)`` after each validation: MONAI's ``LrScheduleHandler`` on the validator, with a ``step_transform``
    that takes the score from ``engine.state.metrics``. Its state is made of numbers, texts and lists, so it can be
    saved and loaded with ``weights_only=True``.

    Args:
        optimizer: its rates at the beginning are the highest ever used.
        factor: by which the rates are multiplied.
        patience: so many validations in a row without a better score are borne; the next one lowers the rates.
        min_lr: no rate is lowered below this.
        threshold: what counts as better, relative to the best score.
    """

    def __init__(
        self, optimizer, factor: float = 0.2, patience: int = 4, min_lr: float = 0.0, threshold: float = 1e-4
    ) -> None:
        super().__init__(optimizer, mode="max", factor=factor, patience=patience, min_lr=min_lr, threshold=threshold)

    def restart(self, factor: float = 0.5, warmup_epochs: int = 0) -> None:
        """Multiply the rates by ``factor`` at once and forget the best score, as a new schedule would.

        A rate that follows a score has no warm-up to begin again: ``warmup_epochs``, which ``LossExplosion`` passes to
        every schedule, changes nothing here.

        Raises:
            ValueError: when ``factor`` would raise the rate or stop training.
        """
        if not 0 < factor <= 1:
            raise ValueError(f"factor must be above 0 and at most 1, got {factor}. 0.5 halves the rate.")
        for group in self.optimizer.param_groups:
            group["lr"] *= factor
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]
        self._reset()
