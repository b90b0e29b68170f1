"""The gradients of one accumulation window, so that a bad micro-batch can be taken out again.

Between two micro-batches the sum so far is set aside, autograd fills fresh gradients, and the two are added: the same
sum in the same order as autograd's own, so nothing is computed twice. It costs the memory of one more set of gradients,
and only with ``accumulation_steps`` above 1.
"""

import torch
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import Optimizer


class GradientWindow:
    """What has been accumulated since the last optimiser step.

    Args:
        optimizer: owns the parameters.

    Attributes:
        filled: whether at least one good micro-batch is in it.
        overflowed: whether a GradScaler's scale was too high for it, so that the whole window is lost as usual.
        norm: norm of the gradients at the last check, unscaled, of shape () on their device; None before the first.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.parameters = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
        self.open()

    def open(self) -> None:
        """Begin a new window; what the gradients hold is of no more use."""
        self.filled = self.overflowed = False
        self.norm: torch.Tensor | None = None
        self.kept: list[torch.Tensor | None] | None = None

    def set_aside(self) -> None:
        """Before backward: keep the sum so far, if there is one, and give autograd empty gradients."""
        self.kept = [p.grad if self.filled or self.overflowed else None for p in self.parameters]
        for parameter in self.parameters:
            parameter.grad = None

    def merge(self) -> None:
        """After backward: add the sum that was set aside to the new gradients, leaving the former as it is."""
        if self.kept is None:
            return
        both = []
        for parameter, kept in zip(self.parameters, self.kept, strict=True):
            if parameter.grad is None:
                parameter.grad = kept
            elif kept is not None:
                both.append((parameter.grad, kept))
        if both:
            torch._foreach_add_(*map(list, zip(*both, strict=True)))

    def accept(self, norm: torch.Tensor) -> None:
        """Keep the last micro-batch; ``norm`` is that of all gradients now, unscaled."""
        self.norm = norm
        self.filled = True
        self.kept = None

    def spoil(self) -> None:
        """Make an overflow visible to a GradScaler also where only the norm overflowed."""
        next(p.grad for p in self.parameters if p.grad is not None).fill_(torch.inf)

    def roll_back(self) -> None:
        """Take the last micro-batch out again."""
        if self.kept is not None:
            for parameter, kept in zip(self.parameters, self.kept, strict=True):
                parameter.grad = kept

    def measure(self) -> torch.Tensor:
        """Norm of all gradients, of shape (), without a host sync; not finite if any value is not."""
        return get_total_norm([p.grad for p in self.parameters if p.grad is not None])

    def clip(self, max_norm: float) -> None:
        """Scale the gradients, unscaled by now, down to ``max_norm``; no host sync, since the norm is known."""
        if self.norm is not None:
            clip_grads_with_norm_(self.parameters, max_norm, self.norm)
