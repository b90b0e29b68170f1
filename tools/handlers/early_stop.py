"""Stop when validation no longer improves, or is as good as one wanted."""

import logging
import math
from typing import Any

from ignite.engine import Engine, Events
from ignite.handlers import EarlyStopping

from .handler_states import register

logger = logging.getLogger(__name__)


class EarlyStop:
    """Ignite's EarlyStopping on the validator's key metric, as a part of the resumable checkpoint.

    All ranks must have the same metric (``PatientScores`` sees to that), so that all of them stop. A metric that is not
    finite is no improvement.

    Args:
        validator: a MONAI evaluator with a key metric; higher is better.
        patience: so many validations without improvement end training.
        min_delta: what counts as an improvement.
        target: a metric of so much or more ends training at once; None for no such end.
    """

    def __init__(
        self, validator: Engine, patience: int = 20, min_delta: float = 0.0, target: float | None = None
    ) -> None:
        if patience < 1:
            raise ValueError(f"patience must be at least 1 validation, got {patience}")
        self.validator = validator
        self.patience = patience
        self.min_delta = min_delta
        self.target = target

    def attach(self, engine: Engine) -> None:
        """Attach to the trainer that ``validator`` is run by."""
        self.stopping = EarlyStopping(self.patience, self._score, engine, threshold=self.min_delta)
        register(engine, "early_stop", self.stopping)
        self.validator.add_event_handler(Events.COMPLETED, self._judge, engine)

    def _score(self, validator: Engine) -> float:
        value = float(validator.state.metrics[validator.state.key_metric_name])
        return value if math.isfinite(value) else -math.inf

    def _judge(self, validator: Engine, trainer: Engine) -> Any:
        self.stopping(validator)
        value = self._score(validator)
        if self.target is not None and value >= self.target:
            name = validator.state.key_metric_name
            trainer.state.stop_reason = f"{name} is {value:.4f}, at least {self.target:g} was wanted"
            logger.info("training stops: %s", trainer.state.stop_reason)
            trainer.terminate()
        elif self.stopping.counter >= self.patience:
            trainer.state.stop_reason = (
                f"{validator.state.key_metric_name} has not improved on {self.stopping.best_score:.4f} in "
                f"{self.patience} validations"
            )
            logger.info("training stops: %s", trainer.state.stop_reason)
