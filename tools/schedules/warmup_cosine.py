"""Linear warm-up, then a cosine to the end: never above the initial rate.

Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2016, https://arxiv.org/abs/1608.03983
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

HAPPENED = ("last_epoch", "_step_count", "start_step", "restarts", "peak")


def warmup_cosine(
    step: int, warmup_steps: int, total_steps: int, start_factor: float = 0.1, end_factor: float = 0.05
) -> float:
    """Factor of the initial rate at a step, in [min(start_factor, end_factor), 1].

    Linear from ``start_factor`` at step 0 to 1 at ``warmup_steps``, then half a cosine to ``end_factor`` at
    ``total_steps``, and ``end_factor`` ever after. The warm-up is cut to half of ``total_steps``.

    Args:
        step: steps done, from 0.
        warmup_steps: steps of the warm-up.
        total_steps: steps of warm-up and cosine together.
        start_factor: factor at step 0.
        end_factor: factor at the end.
    """
    if step >= total_steps:
        return end_factor
    warmup = min(warmup_steps, total_steps // 2)
    if step < warmup:
        return start_factor + (1.0 - start_factor) * step / warmup
    progress = (step - warmup) / (total_steps - warmup)
    return end_factor + (1.0 - end_factor) * 0.5 * (1.0 + math.cos(math.pi * progress))


class WarmupCosineLR(LambdaLR):
    """``warmup_cosine`` as a scheduler, stepped once an epoch or once an iteration.

    Its state is made of numbers only, so it can be saved and loaded with ``weights_only=True``; a run that is resumed
    half way gets the rates of an uninterrupted one, bit for bit. The state holds what has happened (steps, restarts,
    peaks); the length of the schedule is always the one given here, so that a run can be resumed with more epochs.

    Args:
        optimizer: its rates at the beginning are the highest ever used.
        max_epochs: length of the schedule; past it the rate stays ``min_lr``.
        warmup_epochs: length of the warm-up, at most half of ``max_epochs``.
        steps_per_epoch: how many times ``step`` is called an epoch.
        start_factor: share of the rate at the beginning.
        min_lr: rate at the end (or the initial rate, where that is lower).

    Raises:
        ValueError: for lengths or factors that make no schedule, all at once.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_epochs: int,
        warmup_epochs: int = 15,
        steps_per_epoch: int = 1,
        start_factor: float = 0.1,
        min_lr: float = 1e-6,
    ) -> None:
        rules = {
            f"max_epochs must be at least 1, got {max_epochs}": max_epochs >= 1,
            f"warmup_epochs must be at least 0, got {warmup_epochs}": warmup_epochs >= 0,
            f"steps_per_epoch must be at least 1, got {steps_per_epoch}": steps_per_epoch >= 1,
            f"start_factor must be above 0 and at most 1, got {start_factor}": 0 < start_factor <= 1,
            f"min_lr must be at least 0, got {min_lr}": min_lr >= 0,
        }
        broken = [rule for rule, kept in rules.items() if not kept]
        if broken:
            raise ValueError("; ".join(broken) + ". Correct them in the configuration of the scheduler.")
        self.steps_per_epoch = steps_per_epoch
        self.start_factor = start_factor
        self.min_lr = min_lr
        self.peak = 1.0  # share of the initial rate that the current schedule climbs to
        self.start_step = 0
        self.restarts = 0
        self.warmup_steps = warmup_epochs * steps_per_epoch
        self.total_steps = max_epochs * steps_per_epoch
        rates = [float(group.get("initial_lr", group["lr"])) for group in optimizer.param_groups]
        super().__init__(optimizer, [partial(self.factor, initial_lr=rate) for rate in rates])

    def factor(self, step: int, initial_lr: float) -> float:
        """Share of ``initial_lr`` at a step counted from the beginning of the run."""
        peak_lr = initial_lr * self.peak
        end = min(1.0, self.min_lr / peak_lr) if peak_lr > 0 else 0.0
        length = self.total_steps - self.start_step
        return self.peak * warmup_cosine(step - self.start_step, self.warmup_steps, length, self.start_factor, end)

    def restart(self, factor: float = 0.5, warmup_epochs: int = 5) -> None:
        """Begin a new schedule over the steps that are left, its peak ``factor`` times the last one's.

        The rate changes at once, to the beginning of the new warm-up.

        Raises:
            ValueError: when ``factor`` would raise the rate or stop training.
        """
        if not 0 < factor <= 1:
            raise ValueError(f"factor must be above 0 and at most 1, got {factor}. 0.5 halves the rate.")
        self.peak *= factor
        self.restarts += 1
        self.start_step = self.last_epoch
        self.warmup_steps = warmup_epochs * self.steps_per_epoch
        self._set_rates()

    def state_dict(self) -> dict[str, Any]:
        """What has happened so far, as numbers and a list of numbers."""
        return {key: getattr(self, key) for key in HAPPENED} | {
            "warmup_steps": self.warmup_steps,  # of the last restart
            "base_lrs": list(self.base_lrs),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue where ``state_dict`` was taken, and set the rates of the optimizer accordingly.

        Raises:
            ValueError: when the state is of an optimizer with another number of parameter groups.
        """
        saved = state_dict["base_lrs"]
        if len(saved) != len(self.base_lrs):
            raise ValueError(
                f"the state has {len(saved)} parameter groups, the optimizer {len(self.base_lrs)}. "
                "Build the optimizer as it was, or start afresh."
            )
        for key in HAPPENED:
            setattr(self, key, state_dict[key])
        if self.restarts:
            self.warmup_steps = state_dict["warmup_steps"]
        self.base_lrs = list(saved)
        self.lr_lambdas = [partial(self.factor, initial_lr=rate) for rate in self.base_lrs]
        self._set_rates()

    def _set_rates(self) -> None:
        """Give the optimizer the rates of the current step, as ``step`` computes them."""
        rates = [rate * share(self.last_epoch) for rate, share in zip(self.base_lrs, self.lr_lambdas, strict=True)]
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = rates
