"""No step on numbers that are not finite."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from ignite.engine import Engine, Events
from monai.data import MetaTensor
from monai.engines.utils import IterationEvents
from monai.utils import CommonKeys as Keys
from torch import nn
from torch.optim import Optimizer

from .accumulation import closes_window, opens_window
from .gradient_window import GradientWindow
from .guarded_step import KnownOutcome, NoStep
from .handler_states import register
from .incidents import KINDS, Incidents


class StabilityGuard:
    """Leave out every micro-batch whose image, label, logits, loss or gradient is not finite, and clip the others.

    Leaving out means: no optimiser step (no weight decay, no momentum), all buffers of the network (BatchNorm's
    statistics) and the scale of a GradScaler as before, the rest of an accumulation window kept, the same decision on
    all ranks. Each incident is one line of ``<output_dir>/incidents.jsonl``; the number of them is
    ``engine.state.incidents`` and the metric ``incidents``. A gradient that overflows while a GradScaler looks for its
    scale (above 1) is no incident.

    The cost is two host syncs an iteration: one for the loss with all flags, one for the gradient norm. What they
    brought is left in ``engine.state``: ``loss_value`` and ``grad_norm`` (floats, the latter before clipping) and
    ``step_skipped``.

    Args:
        network: its buffers are guarded; may be wrapped in DistributedDataParallel.
        optimizer: of the trainer.
        output_dir: folder of ``incidents.jsonl``.
        max_grad_norm: gradients are scaled down to this norm, after unscaling; None does not clip.
        max_in_a_row: so many bad micro-batches in a row stop the run.

    Raises:
        FloatingPointError: after ``max_in_a_row``, with counts, files, causes and what to do.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: Optimizer,
        output_dir: str | Path,
        max_grad_norm: float | None = 0.5,
        max_in_a_row: int = 10,
    ) -> None:
        broken = [f"max_grad_norm must be above 0, got {max_grad_norm}; None does not clip"] * (
            max_grad_norm is not None and not max_grad_norm > 0
        ) + [f"max_in_a_row must be at least 1, got {max_in_a_row}"] * (max_in_a_row < 1)
        if broken:
            raise ValueError("; ".join(broken))
        self.network = network
        self.optimizer = optimizer
        self.max_grad_norm = max_grad_norm
        self.max_in_a_row = max_in_a_row
        self.incidents = Incidents(output_dir)

    def attach(self, engine: Engine) -> None:
        """Attach to a MONAI SupervisedTrainer."""
        register(engine, "stability_guard", self)
        engine.add_event_handler(Events.STARTED, self._prepare)
        engine.add_event_handler(Events.ITERATION_STARTED, self._begin)
        engine.add_event_handler(IterationEvents.LOSS_COMPLETED, self._check_loss)
        engine.add_event_handler(IterationEvents.BACKWARD_COMPLETED, self._finish)
        engine.add_event_handler(IterationEvents.MODEL_COMPLETED, self._restore_engine)

    def state_dict(self) -> dict[str, Any]:
        """Counters."""
        return self.incidents.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Count on from where the saved run was."""
        self.incidents.load_state_dict(state)

    def _prepare(self, engine: Engine) -> None:
        self.window = GradientWindow(self.optimizer)
        self.buffers = list(self.network.buffers())
        self.saved_buffers = [torch.empty_like(buffer) for buffer in self.buffers]
        self.stand_in = False
        self.incidents.publish(engine)

    def _begin(self, engine: Engine) -> None:
        """ITERATION_STARTED: remember what the forward pass may spoil."""
        self._restore_engine(engine)
        self.incidents.publish(engine)
        engine.state.step_skipped = self.bad = False
        if opens_window(engine):
            self.window.open()
        if self.buffers:
            torch._foreach_copy_(self.saved_buffers, self.buffers)

    def _check_loss(self, engine: Engine) -> None:
        """LOSS_COMPLETED: the first sync; a bad loss is replaced by one that reaches no parameter."""
        output = engine.state.output
        loss = output[Keys.LOSS]
        flags = torch.stack([flag.to(loss.device) for flag in self._flags(engine)])
        # a signal that a rank has received travels along, see Interrupt
        received = torch.full_like(flags[0], getattr(engine.state, "signal_received", 0))
        anywhere = torch.stack([flags.max(), received])
        if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            dist.all_reduce(anywhere, op=dist.ReduceOp.MAX)
        numbers = torch.cat([loss.detach().float().reshape(1), anywhere, flags])
        engine.state.loss_value, bad, engine.state.signal_anywhere, *here = numbers.tolist()
        self.bad = bad > 0
        if self.bad:
            self.incidents.add(engine, [kind for kind, flag in zip(KINDS, here, strict=False) if flag])
            output[Keys.LOSS] = torch.zeros((), device=loss.device, requires_grad=True)
        elif getattr(engine, "accumulation_steps", 1) > 1:
            self.window.set_aside()

    def _flags(self, engine: Engine) -> list[torch.Tensor]:
        """One scalar for each of the kinds but the last, above 0 where something is not finite; no sync."""
        output = engine.state.output
        zero = torch.zeros((), device=output[Keys.LOSS].device)
        flags = [_is_bad(output.get(key), zero) for key in (Keys.IMAGE, Keys.LABEL)]
        left_out = getattr(engine.loss_function, "bad_samples", None)
        flags.append(zero if left_out is None else torch.as_tensor(left_out).float().sum())
        flags.append(_is_bad(output[Keys.LOSS], zero))
        return flags

    def _finish(self, engine: Engine) -> None:
        """BACKWARD_COMPLETED: the second sync, then let the optimiser step, or not."""
        if not self.bad:
            self._check_gradients(engine)
        if self.bad:
            self._undo(engine)
        else:
            self.incidents.in_a_row = 0
        if closes_window(engine):
            self._close(engine)

    def _check_gradients(self, engine: Engine) -> None:
        window, scaler = self.window, engine.scaler
        window.merge()
        if window.overflowed:
            return
        norm = window.measure()
        scale = torch.ones_like(norm) if scaler is None else scaler.scale(torch.ones_like(norm))
        norm_value, scale_value = torch.stack([norm, scale.to(norm)]).tolist()
        if math.isfinite(norm_value):
            engine.state.grad_norm = norm_value / scale_value
            window.accept(norm / scale)
        elif scale_value > 1:
            window.overflowed = True
        else:
            self.bad = True
            engine.state.grad_norm = norm_value
            self.incidents.add(engine, ["gradient"], self.window.parameters)
            window.roll_back()

    def _close(self, engine: Engine) -> None:
        """Prepare what the trainer does next with its optimiser and its scaler."""
        scaler = engine.scaler
        if not (self.window.filled or self.window.overflowed):
            self._replace(engine, NoStep(), None if scaler is None else NoStep())
            return
        if scaler is not None:
            if self.window.overflowed:
                self.window.spoil()
            scaler.unscale_(self.optimizer)
            self._replace(engine, engine.optimizer, KnownOutcome(scaler, finite=not self.window.overflowed))
        if not self.window.overflowed and self.max_grad_norm is not None:
            self.window.clip(self.max_grad_norm)

    def _replace(self, engine: Engine, optimizer: Any, scaler: Any) -> None:
        self.real = (engine.optimizer, engine.scaler)
        self.stand_in = True
        engine.optimizer, engine.scaler = optimizer, scaler

    def _restore_engine(self, engine: Engine) -> None:
        """MODEL_COMPLETED: give the trainer its own optimiser and scaler back."""
        if self.stand_in:
            engine.optimizer, engine.scaler = self.real
            self.stand_in = False

    def _undo(self, engine: Engine) -> None:
        """Restore the buffers, and stop the run if it has been enough."""
        engine.state.step_skipped = True
        if self.buffers:
            torch._foreach_copy_(self.buffers, self.saved_buffers)
        if self.incidents.in_a_row >= self.max_in_a_row:
            raise FloatingPointError(self.incidents.explain(self.max_in_a_row))


def _is_bad(tensor: torch.Tensor | None, zero: torch.Tensor) -> torch.Tensor:
    """1 where some value is not finite, else 0, without a sync."""
    if not isinstance(tensor, torch.Tensor):
        return zero
    plain = tensor.as_tensor() if isinstance(tensor, MetaTensor) else tensor
    return (~torch.isfinite(plain.detach()).all()).float()
