"""How far a run has come."""

import logging
import math
import sys
import time

from ignite.engine import Engine, Events
from ignite.handlers import ProgressBar

logger = logging.getLogger(__name__)


class Progress:
    """Progress bars for training and validation on a terminal, and one log line an epoch everywhere.

    The line holds the mean loss, the learning rate, a metric of the validation if this epoch was validated, skipped
    steps if there are any, and seconds; ``History`` keeps the rest. Of an epoch that was resumed within, loss and
    seconds are of the batches that were left, and the line says so. Only rank 0 shows anything. List it after the
    validation.

    Args:
        validator: evaluator run by the trainer, if any.
        metric: name of the metric to show, among those of the validator; None for its key metric.
    """

    def __init__(self, validator: Engine | None = None, metric: str | None = None) -> None:
        self.validator = validator
        self.metric = metric
        self.total, self.steps, self.before = 0.0, 0, 0
        self.rate: float | None = None
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
        state = engine.state
        self.total, self.steps, self.begun = 0.0, 0, time.monotonic()
        self.before = state.iteration - (state.epoch - 1) * state.epoch_length if state.epoch_length else 0

    def _add(self, engine: Engine) -> None:
        optimizer = getattr(engine, "optimizer", None)
        if optimizer is not None:  # asked here, since a schedule may step before the line is written
            self.rate = float(optimizer.param_groups[0]["lr"])
        value = getattr(engine.state, "loss_value", math.nan)
        if math.isfinite(value):
            self.total += value
            self.steps += 1

    def _line(self, engine: Engine) -> None:
        parts = [f"loss {self.total / self.steps:.4f}"] if self.steps else []
        if self.rate is not None:
            parts.append(f"lr {self.rate:.2e}")
        if self.validator is not None and self.validator.state.epoch == engine.state.epoch:
            name = self.metric or self.validator.state.key_metric_name
            if name in self.validator.state.metrics:
                parts.append(f"{name} {float(self.validator.state.metrics[name]):.4f}")
        if getattr(engine.state, "incidents", 0):
            parts.append(f"{engine.state.incidents} steps skipped so far")
        parts.append(f"{time.monotonic() - self.begun:.1f} s")
        if self.before:
            parts.append(f"resumed after {self.before} of {engine.state.epoch_length} batches")
        logger.info("epoch %d of %d: %s", engine.state.epoch, engine.state.max_epochs, ", ".join(parts))
