"""Where an iteration stands in its gradient accumulation window, as MONAI's SupervisedTrainer counts it."""

from ignite.engine import Engine


def opens_window(engine: Engine) -> bool:
    """Whether this iteration is the first micro-batch since the optimiser stepped."""
    return _place(engine) % getattr(engine, "accumulation_steps", 1) == 0


def closes_window(engine: Engine) -> bool:
    """Whether the optimiser steps in this iteration: its window is full, or the epoch ends."""
    place = _place(engine) + 1
    return place % getattr(engine, "accumulation_steps", 1) == 0 or place == engine.state.epoch_length


def closes_epoch(engine: Engine) -> bool:
    """Whether this iteration is the last of its epoch."""
    return _place(engine) + 1 == engine.state.epoch_length


def _place(engine: Engine) -> int:
    """Iterations before this one in the epoch (in the run, where the length of an epoch is not known)."""
    done = engine.state.iteration - 1
    return done % engine.state.epoch_length if engine.state.epoch_length else done
