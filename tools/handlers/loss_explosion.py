"""Halve the learning rate when the loss stays absurdly high."""

import logging
import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from ignite.engine import Engine, Events
from monai.utils import CommonKeys as Keys

from .handler_states import register

logger = logging.getLogger(__name__)


class LossExplosion:
    """Restart the schedule at a lower rate after epochs in a row with a mean loss above ``threshold``.

    The mean is over the steps that were taken (those the stability guard left out do not count) and over all ranks.
    Training stops after the ``max_reductions``-th reduction. List it after the handler that steps the scheduler.

    Args:
        lr_scheduler: has ``restart(factor, warmup_epochs)``, like ``schedules.warmup_cosine.WarmupCosineLR``.
        threshold: highest mean loss of an epoch that is still sane.
        patience: so many epochs in a row above it reduce the rate.
        factor: by which the peak rate is multiplied.
        warmup_epochs: warm-up of the new schedule.
        max_reductions: after so many training stops.

    Raises:
        TypeError: for a scheduler without ``restart``.
    """

    def __init__(
        self,
        lr_scheduler: Any,
        threshold: float = 10.0,
        patience: int = 3,
        factor: float = 0.5,
        warmup_epochs: int = 5,
        max_reductions: int = 3,
    ) -> None:
        if not callable(getattr(lr_scheduler, "restart", None)):
            raise TypeError(
                f"lr_scheduler must have restart(factor, warmup_epochs), {type(lr_scheduler).__name__} has none. "
                "Use tools.schedules.warmup_cosine.WarmupCosineLR, or leave LossExplosion out."
            )
        if patience < 1 or max_reductions < 1:
            raise ValueError(f"patience and max_reductions must be at least 1, got {patience} and {max_reductions}")
        self.lr_scheduler = lr_scheduler
        self.threshold = threshold
        self.patience = patience
        self.factor = factor
        self.warmup_epochs = warmup_epochs
        self.max_reductions = max_reductions
        self.in_a_row = self.reductions = self.steps = 0
        self.total: float | torch.Tensor = 0.0

    def attach(self, engine: Engine) -> None:
        """Attach to a trainer; after the stability guard, whose loss value it uses (without one it costs no sync)."""
        register(engine, "loss_explosion", self)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._add)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._judge)

    def state_dict(self) -> dict[str, Any]:
        """Counters and the sum of the epoch so far."""
        names = ("in_a_row", "reductions", "steps")
        return {name: getattr(self, name) for name in names} | {"total": float(self.total)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Count on from where the saved run was."""
        for name in ("in_a_row", "reductions", "steps", "total"):
            setattr(self, name, state[name])

    def _add(self, engine: Engine) -> None:
        if getattr(engine.state, "step_skipped", False):
            return
        value = getattr(engine.state, "loss_value", None)
        if value is None:
            output = engine.state.output
            losses = [item[Keys.LOSS] for item in output] if isinstance(output, list) else [output[Keys.LOSS]]
            value = sum(losses) / len(losses)
            value = value.detach() if isinstance(value, torch.Tensor) else value
        self.total = self.total + value
        self.steps += 1

    def _mean(self, engine: Engine) -> float:
        """Mean loss of the epoch over all ranks, NaN without any step; begins the next epoch's sum."""
        total, steps = float(self.total), float(self.steps)
        self.total, self.steps = 0.0, 0
        if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            sums = torch.tensor([total, steps], dtype=torch.float32, device=engine.state.device)
            dist.all_reduce(sums)
            total, steps = sums.tolist()
        return total / steps if steps else math.nan

    def _judge(self, engine: Engine) -> None:
        mean = self._mean(engine)
        if math.isnan(mean):
            return
        self.in_a_row = self.in_a_row + 1 if mean > self.threshold else 0
        if self.in_a_row < self.patience:
            return
        self.in_a_row = 0
        self.reductions += 1
        self.lr_scheduler.restart(factor=self.factor, warmup_epochs=self.warmup_epochs)
        reason = (
            f"mean loss {mean:.4g}, above {self.threshold:g} for {self.patience} epochs in a row: learning rate times "
            f"{self.factor:g}, new warm-up of {self.warmup_epochs} epochs ({self.reductions} of {self.max_reductions})"
        )
        logger.warning(reason)
        if self.reductions >= self.max_reductions:
            engine.state.stop_reason = f"the loss exploded {self.reductions} times; last: {reason}"
            logger.error("training stops: %s. Begin afresh with a lower learning rate.", engine.state.stop_reason)
            engine.terminate()
