"""The best weights, and everything needed to go on."""

import logging
import math
from pathlib import Path
from typing import Any

import torch.distributed as dist
from ignite.engine import Engine, Events
from torch import nn
from torch.optim import Optimizer

from . import random_state
from .accumulation import closes_epoch, closes_window
from .checkpoint_file import read_checkpoint, remove_leftovers, write_checkpoint
from .handler_states import load_states, save_states
from .interrupt import Interrupt
from .resume import BEST, LAST, TEMPERATURE, EpochFollower, afresh_because, begin_afresh, finished, restore_random

logger = logging.getLogger(__name__)


class Checkpoints:
    """Keep ``model.pt`` and ``last.ckpt`` of a run, resume it, and make an interrupt harmless.

    ``model.pt`` is the state_dict of the network (without the wrapper of DistributedDataParallel or torch.compile) with
    the highest key metric of ``validator`` so far, also over interruptions; without a validator that of the last epoch.
    ``last.ckpt`` holds network, optimizer, lr_scheduler, scaler, place in the run, best metric, states of the handlers
    that registered one (``handler_states``), random states of all ranks, and the fingerprint. Both load with
    ``weights_only=True``; both are replaced in one move. ``last.ckpt`` is written at the end of each epoch, every
    ``save_every`` iterations if asked, and on SIGINT and SIGTERM (``Interrupt``), never within an accumulation window.

    When a run starts and ``last.ckpt`` has the same fingerprint, the run goes on from there; if it is finished nothing
    is trained. A ``last.ckpt`` with another one, or ``resume`` False, begins afresh; what was there is kept as
    ``last.<fingerprint>.ckpt`` and ``model.<fingerprint>.pt``. A ``model.pt`` that no run left here (it came with the
    bundle, or was downloaded) is kept as ``model.previous.pt``, a classifier's temperature beside it. On CPU a resumed
    run equals an uninterrupted one bit for bit, with one process, the same number of workers and an ``EpochSampler``.

    List it last in ``train#handlers``, on all ranks; only rank 0 writes.

    Args:
        network: of the trainer, wrapped or not.
        optimizer: of the trainer.
        checkpoint_dir: folder of both files.
        fingerprint: of data and configuration, from ``run_folder.fingerprint``.
        lr_scheduler: what the run steps, if anything.
        validator: evaluator with a key metric, higher is better.
        resume: False begins afresh.
        from_weights: whether another handler loads weights to begin from (``running_config.loads_weights``).
        save_every: iterations between two ``last.ckpt`` within an epoch; 0 for the end of epochs only.
        interrupt: whether SIGINT and SIGTERM are handled.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: Optimizer,
        checkpoint_dir: str | Path,
        fingerprint: str,
        lr_scheduler: Any = None,
        validator: Engine | None = None,
        resume: bool = True,
        from_weights: bool = False,
        save_every: int = 0,
        interrupt: bool = True,
    ) -> None:
        if save_every < 0:
            raise ValueError(f"save_every must be 0 or a number of iterations, got {save_every}")
        self.network = unwrapped(network)
        self.parts = {"optimizer": optimizer, "lr_scheduler": lr_scheduler}
        self.folder = Path(checkpoint_dir)
        self.fingerprint = fingerprint
        self.validator = validator
        self.resume = resume
        self.from_weights = from_weights
        self.save_every = save_every
        self.interrupt = interrupt
        self.best_metric: float | None = None
        self.best_epoch = 0
        self.saved_at = 0

    @property
    def last(self) -> Path:
        """The resumable checkpoint."""
        return self.folder / LAST

    @property
    def best(self) -> Path:
        """The best weights."""
        return self.folder / BEST

    def attach(self, engine: Engine) -> None:
        """Attach to a MONAI trainer.

        Raises:
            ValueError: when ``validator`` has no key metric to choose the best weights by.
        """
        if self.validator is not None and self.validator.state.key_metric_name is None:
            raise ValueError("the validator has no key metric to choose the best weights by: set key_val_metric")
        EpochFollower().attach(engine)
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._after_iteration)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._after_epoch)
        if self.validator is not None:
            self.validator.add_event_handler(Events.COMPLETED, self._keep_best)
            engine.add_event_handler(Events.COMPLETED, self._never_validated)
        if self.interrupt:
            Interrupt(self.save, self.last).attach(engine)

    def save(self, engine: Engine) -> None:
        """Write ``last.ckpt``; to be called on all ranks.

        Raises:
            OSError: when it cannot be written; the former file is untouched.
        """
        states = random_state.capture_all()
        self.saved_at = engine.state.iteration
        if engine.state.rank == 0:
            write_checkpoint(self.last, self._content(engine, states))

    def _content(self, engine: Engine, random_states: list[dict[str, Any]]) -> dict[str, Any]:
        state = engine.state
        content = {
            "fingerprint": self.fingerprint,
            "epoch_length": state.epoch_length,
            "iteration": state.iteration,
            "epoch": state.iteration // state.epoch_length,
            "max_epochs": state.max_epochs,
            "stop_reason": getattr(state, "stop_reason", ""),
            "best_metric": self.best_metric,
            "best_epoch": self.best_epoch,
            "network": self.network.state_dict(),
            "scaler": None if engine.scaler is None else engine.scaler.state_dict(),
            "handlers": save_states(engine),
            "random": random_states,
        }
        return content | {name: None if part is None else part.state_dict() for name, part in self.parts.items()}

    def _start(self, engine: Engine) -> None:
        """STARTED: all of the trainer exists by now, its scaler too, and nothing has been drawn."""
        engine.state.stop_reason = ""
        state = self._read()
        if dist.is_available() and dist.is_initialized():
            dist.barrier()  # rank 0 may move the file that another rank still reads
        if engine.state.rank == 0:
            remove_leftovers(self.folder)
        why = state and afresh_because(state, self.fingerprint, engine, self.resume, self.from_weights)
        if state and not why:
            self._load(engine, state)
        elif engine.state.rank == 0:
            begin_afresh(self.folder, state, why, self.from_weights)

    def _read(self) -> dict[str, Any] | None:
        """``last.ckpt``, None without one; a damaged one is an error unless the run begins afresh anyway."""
        try:
            return read_checkpoint(self.last) if self.last.exists() else None
        except ValueError:
            if self.resume:
                raise
            return {"fingerprint": "damaged"}

    def _load(self, engine: Engine, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        for name, part in self.parts.items():
            if part is not None and state[name] is not None:
                part.load_state_dict(state[name])
        if engine.scaler is not None and state["scaler"]:
            engine.scaler.load_state_dict(state["scaler"])
        load_states(engine, state["handlers"])
        self.best_metric, self.best_epoch = state["best_metric"], state["best_epoch"]
        if self.validator is not None and self.best_metric is not None:
            self.validator.state.best_metric, self.validator.state.best_metric_epoch = self.best_metric, self.best_epoch
        engine.state.iteration, engine.state.epoch = state["iteration"], state["epoch"]
        self.saved_at = state["iteration"]
        done = finished(state, engine.state.max_epochs)
        if done:
            more = "" if state["stop_reason"] else "give a larger --max_epochs to go on, or "
            logger.warning("this run is finished: %s; %s--resume false to train anew", done, more)
            engine.state.stop_reason = state["stop_reason"]
            engine.terminate(skip_completed=True)
            return
        restore_random(engine, state["random"], in_epoch=state["iteration"] % state["epoch_length"] != 0)
        logger.info("resuming after epoch %d, iteration %d, from %s", state["epoch"], state["iteration"], self.last)

    def _after_iteration(self, engine: Engine) -> None:
        due = self.save_every and engine.state.iteration - self.saved_at >= self.save_every
        if due and closes_window(engine) and not closes_epoch(engine):
            self.save(engine)

    def _after_epoch(self, engine: Engine) -> None:
        if self.validator is None and engine.state.rank == 0:
            self._keep_unvalidated()
        self.save(engine)

    def _keep_unvalidated(self) -> None:
        """Nothing calibrates these weights: a temperature beside them would be that of former ones."""
        write_checkpoint(self.best, self.network.state_dict())
        (self.folder / TEMPERATURE).unlink(missing_ok=True)

    def _never_validated(self, engine: Engine) -> None:
        """COMPLETED: a run shorter than the validation interval leaves its last weights, and says so."""
        if self.best_metric is None and engine.state.rank == 0:
            logger.warning(
                "no validation of this run had a usable score, or none was due (val_interval): model.pt holds the last "
                "weights"
            )
            self._keep_unvalidated()

    def _keep_best(self, validator: Engine) -> None:
        state = validator.state
        value = float(state.metrics[state.key_metric_name])
        if not math.isfinite(value):
            logger.warning("epoch %d: %s is %s, model.pt stays", state.epoch, state.key_metric_name, value)
            return
        if self.best_metric is not None and value <= self.best_metric:
            return
        self.best_metric, self.best_epoch = value, state.epoch
        if state.rank == 0:
            write_checkpoint(self.best, self.network.state_dict())


def unwrapped(network: nn.Module) -> nn.Module:
    """The network itself, without what DistributedDataParallel and torch.compile put around it."""
    network = getattr(network, "_orig_mod", network)
    network = network.module if isinstance(network, nn.parallel.DistributedDataParallel) else network
    return getattr(network, "_orig_mod", network)
