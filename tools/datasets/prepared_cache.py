"""What MONAI's cache holds for training: items whose deterministic work is done, in a compact form."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from monai.data import CacheDataset
from monai.transforms import Transform


class Prepared(Transform):
    """All deterministic work on an item as one step, which CacheDataset caches whatever it is made of.

    (It takes a ``Compose`` within a ``Compose`` for a random transform and would run it again for each sample.)

    Args:
        transform: item -> image and label as arrays.
        compact: what that returned -> the same as tensors that need little memory.
    """

    def __init__(self, transform: Callable, compact: Callable) -> None:
        self.transform = transform
        self.compact = compact

    def __call__(self, data: dict[str, Any]) -> dict[str, torch.Tensor]:
        """Return image and label of an item in their compact form."""
        return self.compact(self.transform(data))


def prepared_cache(
    data: Sequence[dict[str, Any]], transform: Callable, compact: Callable, cache_rate: float, num_workers: int
) -> CacheDataset:
    """Prepare items and keep a share of them in memory; the others are prepared again each time.

    Args:
        data: items of a datalist.
        transform, compact: see ``Prepared``.
        cache_rate: share of the items kept.
        num_workers: threads that fill the cache.
    """
    return CacheDataset(
        data,
        Prepared(transform, compact),
        cache_rate=cache_rate,
        num_workers=num_workers,
        progress=sys.stderr.isatty(),
        copy_cache=False,
    )
