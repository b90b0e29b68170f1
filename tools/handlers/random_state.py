"""The state of all random number generators, as tensors and numbers only."""

import random
from typing import Any

import ignite.distributed as idist
import numpy as np
import torch


def capture() -> dict[str, Any]:
    """State of Python's, numpy's and torch's generators; loads with ``weights_only=True``."""
    name, keys, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002
    version, numbers, next_gauss = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [name, torch.from_numpy(keys.astype(np.int64)), int(position), int(has_gauss), float(gauss)],
        "python": [version, list(numbers), next_gauss],
    }


def capture_all() -> list[dict[str, Any]]:
    """States of all ranks, on all ranks."""
    return idist.all_gather(capture())


def restore(state: dict[str, Any]) -> None:
    """Put all generators into a captured state; those of GPUs where there are as many as then."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
    name, keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, gauss))  # noqa: NPY002
    version, numbers, next_gauss = state["python"]
    random.setstate((version, tuple(numbers), next_gauss))
