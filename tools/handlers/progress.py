"""How far a run has come."""

import logging
import math
import sys
import time

from ignite.engine import Engine, Events
from ignite.handlers import ProgressBar

logger = logging.getLogger(__name__)


class Progress:
    """Progress bars for training and validation; where standard error is no terminal, one log line an epoch.

    Only rank 0 shows anything. List it after the validation, so that the line has the epoch's metrics.

    Args:
        validator: evaluator run by the trainer, if any.
    """

    def __init__(self, validator: Engine | None = None) -> None:
        self.validator = validator
        self.total, self.steps = 0.0, 0
        self.begun = time.monotonic()

    def attach(self, engine: Engine) -> None:
        """Attach to a trainer."""
        if engine.state.rank != 0:
            return
        if sys.stderr.isatty():
            bar = ProgressBar(persist=True)
            bar.attach(engine, output_transform=lambda _: {"loss": getattr(engine.state, "loss_value", math.nan)})
            if self.validator is not None:
                ProgressBar(desc="Validation").attach(self.validator)
        engine.add_event_handler(Events.EPOCH_STARTED, self._begin)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._add)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._line)

    def _begin(self, engine: Engine) -> None:
        self.total, self.steps, self.begun = 0.0, 0, time.monotonic()

    def _add(self, engine: Engine) -> None:
        value = getattr(engine.state, "loss_value", math.nan)
        if math.isfinite(value):
            self.total += value
            self.steps += 1

    def _line(self, engine: Engine) -> None:
        parts = [f"loss {self.total / self.steps:.4f}"] if self.steps else []
        if self.validator is not None and self.validator.state.epoch == engine.state.epoch:
            scores = self.validator.state.metrics.items()
            parts += [f"{name} {value:.4f}" for name, value in scores if isinstance(value, int | float)]
        if getattr(engine.state, "incidents", 0):
            parts.append(f"{engine.state.incidents} steps skipped so far")
        parts.append(f"{time.monotonic() - self.begun:.1f} s")
        logger.info("epoch %d of %d: %s", engine.state.epoch, engine.state.max_epochs, ", ".join(parts))
