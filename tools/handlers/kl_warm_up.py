"""Let the weight of the KL divergence grow over the first epochs."""

from typing import Protocol

from ignite.engine import Engine, Events

from ..schedules.linear_ramp import linear_ramp


class HasKLFactor(Protocol):
    """A loss whose KL term is multiplied by ``kl_factor``, like ``losses.aura_vae_loss.AuraVAELoss``."""

    kl_factor: float


class KLWarmUp:
    """Set ``loss_function.kl_factor`` at the start of each epoch: 0 in the first, 1 from ``warmup_epochs + 1`` on.

    The factor follows from the number of the epoch alone, so a resumed run has that of an uninterrupted one.

    Args:
        loss_function: of the trainer.
        warmup_epochs: length of the ramp; 0 for the full weight from the first step on.

    Raises:
        ValueError: for a negative length.
    """

    def __init__(self, loss_function: HasKLFactor, warmup_epochs: int = 30) -> None:
        if warmup_epochs < 0:
            raise ValueError(f"warmup_epochs must be at least 0, got {warmup_epochs}. 0 means no warm-up.")
        self.loss_function = loss_function
        self.warmup_epochs = warmup_epochs

    def attach(self, engine: Engine) -> None:
        """Attach to a trainer."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._set)

    def _set(self, engine: Engine) -> None:
        self.loss_function.kl_factor = linear_ramp(engine.state.epoch - 1, self.warmup_epochs)
