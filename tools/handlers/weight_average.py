"""An exponential moving average of the weights, which is what is validated and kept.

Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992, https://doi.org/10.1137/0330046;
the warm-up is that of TensorFlow's ExponentialMovingAverage (``num_updates``).
"""

from collections.abc import Callable, Mapping
from typing import Any

from ignite.engine import Engine, Events
from ignite.handlers import EMAHandler
from torch import nn

from .accumulation import closes_window
from .checkpoints import unwrapped
from .handler_states import register

MOMENTUM = "weight_average_momentum"  # in engine.state, where Ignite's handler looks for it


class WeightAverage:
    """Ignite's EMAHandler as a part of a resumable run: ``average = decay * average + (1 - decay) * weights``.

    The average begins with the weights after the first step of the optimiser and follows each further one, BatchNorm's
    statistics with the weights. While ``validator`` runs, the network holds the average: scores, early stop and
    ``model.pt`` are of it. Training itself and ``last.ckpt`` go on with the weights, the average beside them.

    List it before ``Checkpoints``, anywhere.

    Args:
        network: of the trainer, wrapped or not.
        validator: evaluator of the same network, run by the trainer.
        decay: share of the average that a step keeps; 0.999 looks back about a thousand steps.
        warm_up: keep less in the beginning, ``min(decay, (1 + n) / (10 + n))`` at step n, so that the average of a
            short training (few images, few epochs) is of its last tenth and not of its beginning. (The warm-up of
            EMAHandler counts its own calls, which a resumed run would begin again.)

    Raises:
        ValueError: for a decay that is no share.
    """

    def __init__(self, network: nn.Module, validator: Engine, decay: float = 0.999, warm_up: bool = False) -> None:
        if not 0 < decay < 1:
            raise ValueError(f"decay must be between 0 and 1, got {decay}; 0.999 is usual, null for no average")
        self.network = unwrapped(network)
        self.validator = validator
        self.decay = decay
        self.warm_up = warm_up
        self.steps = 0

    def attach(self, engine: Engine) -> None:
        """Attach to the trainer."""
        self.ema = EMAHandler(self.network, momentum=1.0 - self.decay, handle_buffers="update")
        register(engine, "weight_average", self)
        stepped = Events.ITERATION_COMPLETED(event_filter=lambda trainer, _: closes_window(trainer))
        engine.add_event_handler(stepped, self._begin)
        self.ema.attach(engine, name=MOMENTUM, event=stepped)
        self.validator.run = self._averaged(self.validator.run)

    def state_dict(self) -> dict[str, Any]:
        """Number of steps, and the average itself."""
        return {"steps": self.steps, "average": self.ema.ema_model.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where the saved run was."""
        self.steps = state["steps"]
        self.ema.ema_model.load_state_dict(state["average"])

    def _begin(self, engine: Engine) -> None:
        """Take the weights as they are after the first step; whatever was loaded is in them by now."""
        if not self.steps:
            self.ema.ema_model.load_state_dict(self.network.state_dict())
        self.steps += 1
        if self.warm_up:
            setattr(engine.state, MOMENTUM, 1.0 - min(self.decay, (1 + self.steps) / (10 + self.steps)))

    def _averaged(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``run`` with the average in the network while it lasts."""

        def run_with_average(*args: Any, **kwargs: Any) -> Any:
            if not self.steps:
                return run(*args, **kwargs)
            self._exchange()
            try:
                return run(*args, **kwargs)
            finally:
                self._exchange()

        return run_with_average

    def _exchange(self) -> None:
        """Swap the values of network and average; parameters and buffers themselves stay who they are."""
        mine, other = self.network, self.ema.ema_model
        pairs = [*zip(mine.parameters(), other.parameters(), strict=True)]
        pairs += [*zip(mine.buffers(), other.buffers(), strict=True)]
        for one, two in pairs:
            one.data, two.data = two.data, one.data
