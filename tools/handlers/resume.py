"""Continue a run from its last checkpoint, or say why not."""

import logging
import os
import shutil
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events

from . import random_state

logger = logging.getLogger(__name__)

BEST = "model.pt"
# not .pt: MONAI Label offers models/*.pt as weights and takes the one with the shortest name when nobody chooses
LAST = "last.ckpt"
TEMPERATURE = "temperature.json"  # of a classifier: what calibrates the best weights


def is_same_run(state: dict[str, Any], fingerprint: str, engine: Engine) -> bool:
    """Whether a checkpoint belongs to this data, this configuration and this number of iterations an epoch."""
    return state["fingerprint"] == fingerprint and state["epoch_length"] == engine.state.epoch_length


def finished(state: dict[str, Any], max_epochs: int) -> str:
    """Why a run needs no more training; empty when it does."""
    if state["stop_reason"]:
        return str(state["stop_reason"])
    return f"all {max_epochs} epochs are done" if state["epoch"] >= max_epochs else ""


def afresh_because(state: dict[str, Any], fingerprint: str, engine: Engine, resume: bool, from_weights: bool) -> str:
    """Why a run does not go on from a checkpoint; empty when it does."""
    if not resume:
        return "resume is false"
    if not is_same_run(state, fingerprint, engine):
        return "other data or another configuration"
    if from_weights and finished(state, engine.state.max_epochs):
        return "the former run on these data is finished and this one has weights to begin from"
    return ""


def begin_afresh(folder: Path, state: dict[str, Any] | None, why: str | None, from_weights: bool) -> None:
    """Keep what was there and say so: what a former run left, or weights that came from elsewhere.

    A run that begins from weights keeps those, and one step back only.
    """
    name = "previous" if from_weights or state is None else state["fingerprint"][:8]
    replaced = (folder / f"model.{name}.pt").exists()
    kept = ", ".join(put_aside(folder, name, only_weights=from_weights))
    kept += ", in the place of what was kept under these names" if kept and replaced else ""
    if why:
        logger.warning("starting afresh: %s; the checkpoint of the former run is kept (%s)", why, kept)
    elif kept:
        begins = "from weights" if from_weights else "anew, not from the weights in the folder of checkpoints"
        logger.info("starting %s; those that were there are kept (%s)", begins, kept)


def put_aside(folder: Path, name: str, only_weights: bool = False) -> list[str]:
    """Keep what another run left as ``last.NAME.ckpt``, ``model.NAME.pt`` and ``temperature.NAME.json``; return names.

    ``model.pt`` and its temperature stay as well, until this run has better ones of its own.

    Args:
        folder: of the checkpoints.
        name: of the former run.
        only_weights: delete last.ckpt instead, three times as large as the weights.
    """
    kept = []
    last, model = folder / LAST, folder / BEST
    if last.exists():
        target = folder / f"last.{name}.ckpt"
        if only_weights:
            last.unlink()
        else:
            os.replace(last, target)
            kept.append(target.name)
    for path in (model, folder / TEMPERATURE) if model.exists() else ():
        target = folder / f"{path.stem}.{name}{path.suffix}"
        target.unlink(missing_ok=True)  # without a temperature now, one that was kept before is of other weights
        if path.exists():
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
