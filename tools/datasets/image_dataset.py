"""Images with a class, prepared once and augmented by (seed, epoch, index) alone."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from monai.transforms import Compose
from torch.utils.data import Dataset

from .prepared_cache import prepared_cache

logger = logging.getLogger(__name__)

LEVELS = 255.0


class ImageDataset(Dataset):
    """Map (epoch, index) to one augmented image, so that a resumed run sees what an uninterrupted one would have seen.

    Args:
        data: items with ``image`` (file name) and ``label``.
        transform: item -> ``{"image": (C, H, W) in [0, 1], "label": class number}``, deterministic; the image is cached
            in steps of 1/255.
        augmentation: random transform of ``{"image": (C, H, W)}``.
        seed: of all random choices.
        cache_rate: share of the images kept in memory; the others are read again each time.
        num_workers: threads that fill the cache.

    Raises:
        ValueError: for an empty datalist.
    """

    def __init__(
        self,
        data: Sequence[dict[str, Any]],
        transform: Callable,
        augmentation: Compose | None = None,
        seed: int = 0,
        cache_rate: float = 1.0,
        num_workers: int = 1,
    ) -> None:
        if len(data) == 0:
            raise ValueError("no training image: the 'training' part of the datalist is empty; check its split")
        self.data = list(data)
        self.augmentation = augmentation
        self.seed = seed
        self.images = prepared_cache(self.data, transform, compact, cache_rate, num_workers)
        cached = round(len(self.data) * cache_rate)
        logger.info(
            "%d of %d images cached, %.2f GB", cached, len(data), cached * self.images[0]["image"].numel() / 1e9
        )

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, key: int | tuple[int, int]) -> dict[str, Any]:
        """Return ``image`` (C, H, W) float32, ``label`` () int64 and ``file``."""
        epoch, index = (0, key) if isinstance(key, int) else key
        item = self.images[index]
        sample = {"image": item["image"].float() / LEVELS}
        if self.augmentation is not None:
            rng = np.random.default_rng((self.seed, epoch, index))
            self.augmentation.set_random_state(seed=int(rng.integers(2**32)))
            sample = self.augmentation(sample)
        image = torch.as_tensor(np.asarray(sample["image"]), dtype=torch.float32)
        return {"image": image, "label": item["label"], "file": str(self.data[index]["image"])}


def compact(item: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Keep image and label only, as uint8 in steps of 1/255 and int64."""
    image = torch.as_tensor(np.asarray(item["image"]))
    return {
        "image": (image.clamp(0, 1) * LEVELS).round().to(torch.uint8),
        "label": torch.as_tensor(int(item["label"]), dtype=torch.long),
    }
