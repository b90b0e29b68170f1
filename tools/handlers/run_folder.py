"""Where a run writes, and what makes it the same run."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from . import data_fingerprint

Choice = TypeVar("Choice")


def is_phantom(data: Sequence[Mapping[str, Any]]) -> bool:
    """Whether any item says that it is synthetic."""
    return any(item.get("phantom", False) for item in data)


def real_or_phantom(data: Sequence[Mapping[str, Any]], real: Choice, phantom: Choice) -> Choice:
    """``phantom`` for synthetic data, else ``real``."""
    return phantom if is_phantom(data) else real


def checkpoint_dir(ckpt_dir: str, phantom_ckpt_dir: str, data: Sequence[Mapping[str, Any]]) -> str:
    """Folder of the checkpoints: what is learnt on a phantom never gets among the real weights."""
    return real_or_phantom(data, real=ckpt_dir, phantom=phantom_ckpt_dir)


def fingerprint(data: Sequence[Mapping[str, Any]], **configuration: Any) -> str:
    """sha256, in hex, over the files of ``data`` and the configuration that decides what is learnt from them.

    Give as ``configuration`` what a resumed run must share (network, rates, batch size, seed, ...), and not what may
    change (max_epochs, number of workers, folders).

    Raises:
        FileNotFoundError: when files of ``data`` are missing.
    """
    text = json.dumps(configuration, sort_keys=True, default=str)
    return hashlib.sha256(f"{data_fingerprint.fingerprint(data)}\0{text}".encode()).hexdigest()
