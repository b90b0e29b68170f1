"""Step a learning rate schedule when it is due: after each epoch, or after each validation with its score."""

import math
from typing import Any

from ignite.engine import Engine, Events
from torch.optim.lr_scheduler import ReduceLROnPlateau


class StepSchedule:
    """Step ``lr_scheduler`` once an epoch; a ``ReduceLROnPlateau`` once a validation, with the key metric.

    So the schedule can be another one by an override, and nothing else changes. A metric that is not finite is counted
    as no improvement.

    Args:
        lr_scheduler: any scheduler of PyTorch.
        validator: evaluator with a key metric that is better when higher; run by the trainer.
    """

    def __init__(self, lr_scheduler: Any, validator: Engine) -> None:
        self.lr_scheduler = lr_scheduler
        self.validator = validator

    def attach(self, engine: Engine) -> None:
        """Attach to the trainer."""
        if isinstance(self.lr_scheduler, ReduceLROnPlateau):
            self.validator.add_event_handler(Events.COMPLETED, self._after_validation)
        else:
            engine.add_event_handler(Events.EPOCH_COMPLETED, self._after_epoch)

    def _after_epoch(self, engine: Engine) -> None:
        self.lr_scheduler.step()

    def _after_validation(self, validator: Engine) -> None:
        value = float(validator.state.metrics[validator.state.key_metric_name])
        self.lr_scheduler.step(value if math.isfinite(value) else -math.inf)
