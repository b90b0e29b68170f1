"""Which handlers of an engine have a state that a resumable checkpoint must carry."""

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from ignite.engine import Engine

logger = logging.getLogger(__name__)


class Stateful(Protocol):
    """What can be saved and restored; its state is made of numbers, strings, lists and dictionaries."""

    def state_dict(self) -> dict[str, Any]:
        """State to save."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state."""


def register(engine: Engine, name: str, handler: Stateful) -> None:
    """Make ``handler`` part of the checkpoints of ``engine``; to be called when it is attached."""
    registered(engine)[name] = handler


def registered(engine: Engine) -> dict[str, Stateful]:
    """Handlers with a state, by name."""
    if not hasattr(engine, "stateful_handlers"):
        engine.stateful_handlers = {}
    return engine.stateful_handlers


def save_states(engine: Engine) -> dict[str, dict[str, Any]]:
    """State of each registered handler, by name."""
    return {name: dict(handler.state_dict()) for name, handler in registered(engine).items()}


def load_states(engine: Engine, states: Mapping[str, Mapping[str, Any]]) -> None:
    """Restore each registered handler; one that the checkpoint does not know begins afresh and is named."""
    for name, handler in registered(engine).items():
        if name in states:
            handler.load_state_dict(states[name])
        else:
            logger.warning("the checkpoint has no state of %s: it begins afresh", name)
