"""Stand-ins for the optimiser and the GradScaler of a trainer during one step whose outcome is known already."""

from typing import Any

from torch.amp import GradScaler
from torch.optim import Optimizer


class NoStep:
    """An optimiser and a scaler that do nothing: no update, no weight decay, no momentum, the scale as it was."""

    def step(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""


class KnownOutcome:
    """A GradScaler whose gradients are unscaled and checked, which spares its own look at them (a host sync).

    Args:
        scaler: the real one, after ``unscale_``; its ``update`` is called, so it grows and backs off as ever.
        finite: whether the gradients are finite; where not, the optimiser does not step.
    """

    def __init__(self, scaler: GradScaler, finite: bool) -> None:
        self.scaler = scaler
        self.finite = finite

    def step(self, optimizer: Optimizer) -> None:
        """Step with the unscaled gradients, unless they overflowed."""
        if self.finite:
            optimizer.step()

    def update(self) -> None:
        """Let the real scaler learn whether its scale was right."""
        self.scaler.update()
