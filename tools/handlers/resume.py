"""Continue a run from its last checkpoint, or say why not."""

import logging
import os
import shutil
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events

from . import random_state

logger = logging.getLogger(__name__)


def is_same_run(state: dict[str, Any], fingerprint: str, engine: Engine) -> bool:
    """Whether a checkpoint belongs to this data, this configuration and this number of iterations an epoch."""
    return state["fingerprint"] == fingerprint and state["epoch_length"] == engine.state.epoch_length


def finished(state: dict[str, Any], max_epochs: int) -> str:
    """Why a run needs no more training; empty when it does."""
    if state["stop_reason"]:
        return str(state["stop_reason"])
    return f"all {max_epochs} epochs are done" if state["epoch"] >= max_epochs else ""


def put_aside(folder: Path, fingerprint: str) -> list[str]:
    """Keep last.pt and model.pt of another run under names with the start of its fingerprint; return those names.

    ``model.pt`` stays as well, until this run has a better one of its own.
    """
    kept = []
    for name in ("last", "model"):
        path, target = folder / f"{name}.pt", folder / f"{name}.{fingerprint[:8]}.pt"
        if not path.exists():
            continue
        if name == "last":
            os.replace(path, target)
        else:
            target.unlink(missing_ok=True)
            _link(path, target)
        kept.append(target.name)
    return kept


def _link(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)


class EpochFollower:
    """Tell the sampler of a trainer's data loader which epoch begins, and how much of it is done."""

    def attach(self, engine: Engine) -> None:
        """Attach to a trainer."""
        loader = getattr(engine, "data_loader", None)
        batches = getattr(loader, "batch_sampler", None)
        samplers = (getattr(loader, "sampler", None), getattr(batches, "sampler", None))
        self.sampler = next((one for one in samplers if hasattr(one, "set_epoch") and hasattr(one, "start")), None)
        if self.sampler is None:
            logger.info("the data loader has no EpochSampler: a resumed run will not repeat the order of an epoch")
            return
        self.batch_size = batches.batch_size
        engine.add_event_handler(Events.EPOCH_STARTED, self._follow)

    def _follow(self, engine: Engine) -> None:
        state = engine.state
        done = state.iteration - (state.epoch - 1) * state.epoch_length if state.epoch_length else 0
        self.sampler.set_epoch(state.epoch - 1, start=done * self.batch_size)


def restore_random(engine: Engine, states: list[dict[str, Any]], in_epoch: bool) -> None:
    """Restore the generators of this rank at the moment that makes a resumed run equal to an uninterrupted one.

    An iterator of a data loader draws its seed from torch's generator when it is made. In the middle of an epoch that
    has been drawn already when the checkpoint was written, at its end not yet.
    """
    if engine.state.rank >= len(states):
        logger.warning("the checkpoint is of %d ranks: rank %d has no random state", len(states), engine.state.rank)
        return
    event = Events.GET_BATCH_STARTED if in_epoch else Events.EPOCH_STARTED

    def restore() -> None:
        random_state.restore(states[engine.state.rank])
        engine.remove_event_handler(restore, event)

    engine.add_event_handler(event, restore)
