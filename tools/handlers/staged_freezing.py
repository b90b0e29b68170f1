"""Train the new parts of a network first, then all of it at a lower rate."""

import logging
from collections.abc import Mapping
from typing import Any

from ignite.engine import Engine, Events
from torch import nn
from torch.optim import Optimizer

from .checkpoints import unwrapped
from .handler_states import register

logger = logging.getLogger(__name__)


class StagedFreezing:
    """Keep one part of a network as it is for some epochs; then train it too, all rates multiplied by ``factor``.

    A frozen part gets no gradient (so no step and no weight decay) and is in evaluation mode: BatchNorm's statistics
    stay, its dropout is off. The optimiser must know its parameters from the beginning. Under
    DistributedDataParallel ``find_unused_parameters`` must be on.

    List it after the stability guard and before ``Checkpoints``.

    Args:
        network: of the trainer, wrapped or not.
        optimizer: of the trainer.
        part: name of the part, as in ``network.get_submodule``.
        freeze_epochs: so many epochs it is frozen; 0 for none, and the rates stay.
        factor: of all rates when it is set free.
        lr_scheduler: its base rates (of a schedule that computes each rate from them) are multiplied, too.

    Raises:
        ValueError: for a part that the network does not have, or a factor not above 0.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: Optimizer,
        part: str = "stem",
        freeze_epochs: int = 3,
        factor: float = 0.2,
        lr_scheduler: Any = None,
    ) -> None:
        names = [name for name, _ in unwrapped(network).named_children()]
        if part.split(".")[0] not in names:
            raise ValueError(f"the network has no part '{part}' to freeze; it has: {', '.join(names)}")
        if freeze_epochs < 0 or not factor > 0:
            raise ValueError(f"freeze_epochs must be 0 or more and factor above 0, got {freeze_epochs} and {factor}")
        self.part = unwrapped(network).get_submodule(part)
        self.name = part
        self.optimizer = optimizer
        self.freeze_epochs = freeze_epochs
        self.factor = factor
        self.lr_scheduler = lr_scheduler
        self.lowered = self.frozen = False

    def attach(self, engine: Engine) -> None:
        """Attach to a trainer."""
        if self.freeze_epochs:
            register(engine, "staged_freezing", self)
            engine.add_event_handler(Events.EPOCH_STARTED, self._begin_epoch)
            engine.add_event_handler(Events.COMPLETED, lambda _: self._freeze(False))
            # within an iteration, since each one begins with the whole network in training mode
            self.part.register_forward_pre_hook(self._keep_still)

    def state_dict(self) -> dict[str, Any]:
        """Whether the rates were lowered."""
        return {"lowered": self.lowered}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where the saved run was; the lowered rates themselves are the optimiser's."""
        self.lowered = state["lowered"]

    def _begin_epoch(self, engine: Engine) -> None:
        frozen = engine.state.epoch <= self.freeze_epochs
        self._freeze(frozen)
        if frozen:
            if engine.state.epoch == 1:
                logger.info("%s is frozen for %d epoch(s)", self.name, self.freeze_epochs)
        elif not self.lowered:
            self.lowered = True
            for group in self.optimizer.param_groups:
                group["lr"] *= self.factor
            if hasattr(self.lr_scheduler, "base_lrs"):
                self.lr_scheduler.base_lrs = [rate * self.factor for rate in self.lr_scheduler.base_lrs]
            rate = self.optimizer.param_groups[0]["lr"]
            logger.info("%s is trained from epoch %d on; the rate is %.2e now", self.name, engine.state.epoch, rate)

    def _freeze(self, frozen: bool) -> None:
        self.frozen = frozen
        for parameter in self.part.parameters():
            parameter.requires_grad_(not frozen)
            if frozen:
                parameter.grad = None

    def _keep_still(self, part: nn.Module, inputs: tuple[Any, ...]) -> None:
        if self.frozen:
            part.eval()
