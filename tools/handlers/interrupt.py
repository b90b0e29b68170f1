"""Ctrl-C and SIGTERM end a run without losing work."""

import logging
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist
from ignite.engine import Engine, Events

from .accumulation import closes_epoch, closes_window

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """Turn the first SIGINT or SIGTERM into a checkpoint and a clean end; a second SIGINT aborts at once.

    The checkpoint is written when the current accumulation window is complete, so that no gradient is lost; in the last
    iteration of an epoch, and during validation, when the epoch is. With several ranks all stop together as soon as one
    of them is signalled: the ``StabilityGuard`` tells the others with its flags, so that this costs no further host
    sync (without a guard it costs one a window). The process then ends with 128 plus the signal's number (130 or 143).

    Workers of the data loader that are forked meanwhile ignore SIGINT, which a terminal sends to all of them. (SIGTERM
    kills them, so send it to the main process, as ``kill PID``, docker and torchrun do.) Python allows signal handlers
    on the main thread only: elsewhere nothing is installed.

    Args:
        save: writes the resumable checkpoint.
        where: the file it writes, for the message.
    """

    def __init__(self, save: Callable[[Engine], None], where: Any) -> None:
        self.save = save
        self.where = where
        self.received = 0
        self.stopped = 0
        self.former: dict[int, Any] = {}
        self.pid = os.getpid()

    def attach(self, engine: Engine) -> None:
        """Attach to a trainer, after all handlers whose state is saved."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._after_iteration)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._after_epoch)
        self.state = engine.state
        engine.run = self._guarded(engine.run)

    def _guarded(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """Handle signals while ``run`` runs, and leave with the exit code once the engine has shut everything down."""

        def run_then_exit(*args: Any, **kwargs: Any) -> Any:
            self._install()
            try:
                result = run(*args, **kwargs)
            finally:
                self._uninstall()
            if self.stopped:
                raise SystemExit(128 + self.stopped)
            return result

        return run_then_exit

    def _install(self) -> None:
        self.received = self.stopped = self.state.signal_received = 0
        self.state.signal_anywhere = None  # until the guard has asked
        self.pid = os.getpid()
        if threading.current_thread() is not threading.main_thread():
            logger.debug("not on the main thread: an interrupt will not write a checkpoint")
            return
        self.former = {number: signal.signal(number, self._receive) for number in SIGNALS}

    def _uninstall(self) -> None:
        for number, handler in self.former.items():
            signal.signal(number, handler)
        self.former = {}

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self.pid:
            return  # a worker of the data loader: the main process still needs its batches
        if self.received and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = self.state.signal_received = number
        name = signal.Signals(number).name
        message = (
            f"{name}: finishing the current step (at the end of an epoch its validation, too), then writing "
            f"{self.where} (Ctrl-C again aborts at once)\n"
        )
        os.write(2, message.encode())  # the logger may be in the middle of a line

    def _agreed(self, engine: Engine) -> int:
        """Signal that this or any other rank has received, 0 for none."""
        if _alone():
            return self.received
        number = torch.tensor(self.received, device=engine.state.device)
        dist.all_reduce(number, op=dist.ReduceOp.MAX)
        return int(number.item())

    def _after_iteration(self, engine: Engine) -> None:
        if closes_window(engine) and not closes_epoch(engine):
            told = engine.state.signal_anywhere
            self._stop(engine, self._agreed(engine) if told is None or _alone() else int(told), save=True)

    def _after_epoch(self, engine: Engine) -> None:
        number = self._agreed(engine)
        if engine.state.epoch < engine.state.max_epochs:  # else the run is complete: let it finish
            self._stop(engine, number, save=False)

    def _stop(self, engine: Engine, number: int, save: bool) -> None:
        if not number or engine.should_terminate:
            return
        if save:
            self.save(engine)
        self.stopped = number
        logger.warning(
            "stopped by %s in epoch %d after iteration %d; %s is written: run the same command again to resume",
            signal.Signals(number).name, engine.state.epoch, engine.state.iteration, self.where,
        )  # fmt: skip
        engine.terminate(skip_completed=True)


def _alone() -> bool:
    return not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1)
