"""2D training slices drawn from 3D volumes that are read and resampled once.

An epoch takes ``slices_per_volume`` slices of every volume, a set share of them with target. Which slice, where the
window lies and how it is augmented depend on nothing but (seed, epoch, index), so that a resumed run sees what an
uninterrupted one would have seen.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch
from monai.transforms import Compose
from torch.utils.data import Dataset

from ..transforms.body_mask import body_box, body_mask, body_threshold, centred_start
from ..transforms.neighbour_slices import stack_neighbours
from .prepared_cache import prepared_cache

logger = logging.getLogger(__name__)

CACHED_BYTES_PER_VOXEL = 3  # float16 image and uint8 label


class SliceDataset(Dataset):
    """Map (epoch, index) to one augmented axial slice.

    Args:
        data: items with ``image`` and ``label`` file names.
        transform: item -> ``{"image": (C, X, Y, Z) in [0, 1], "label": (1, X, Y, Z)}`` on the training grid,
            deterministic; what it returns is cached.
        slice_transform: random transform of ``{"image": (n * C, *img_size), "label": (1, *img_size)}``, n neighbours.
        img_size: pixels of a slice; the window is centred on the body and moved at random where the body is larger.
        window_hu: HU at 0 and 1 of the first image channel, by which the body is found.
        slices_per_volume: slices of each volume in an epoch.
        target_fraction: share of them that show the target, in volumes that have one. At most half is sensible: real
            scans have tumour in 6 to 28 % of their slices.
        neighbour_slices: odd number of slices stacked as channels, the labelled one in the middle.
        seed: of all random choices.
        cache_rate: share of the volumes kept in memory; the others are read again for each slice.
        num_workers: threads that fill the cache.

    Raises:
        ValueError: for an empty datalist, an even ``neighbour_slices`` or a fraction outside 0 to 1.
    """

    def __init__(
        self,
        data: Sequence[dict[str, Any]],
        transform: Callable,
        slice_transform: Compose | None = None,
        img_size: Sequence[int] = (256, 256),
        window_hu: tuple[float, float] = (-1000.0, 400.0),
        slices_per_volume: int = 32,
        target_fraction: float = 0.5,
        neighbour_slices: int = 1,
        seed: int = 0,
        cache_rate: float = 1.0,
        num_workers: int = 1,
    ) -> None:
        check_arguments(data, slices_per_volume, target_fraction, neighbour_slices)
        self.data = list(data)
        self.slice_transform = slice_transform
        self.img_size = tuple(img_size)
        threshold = body_threshold(window_hu)
        self.slices_per_volume = slices_per_volume
        self.target_slices = round(target_fraction * slices_per_volume)
        self.neighbour_slices = neighbour_slices
        self.seed = seed
        gigabytes = cache_gigabytes(self.data) * cache_rate
        logger.info("caching %d volume(s), at most %.2f GB of memory", len(self.data), gigabytes)
        self.volumes = prepared_cache(self.data, transform, compact, cache_rate, num_workers)
        self.index = [SliceIndex(item["image"], item["label"], threshold) for item in self.volumes]

    def __len__(self) -> int:
        return len(self.data) * self.slices_per_volume

    def __getitem__(self, key: int | tuple[int, int]) -> dict[str, Any]:
        """Return ``image`` (C, *img_size), ``label`` (1, *img_size), ``file`` and ``slice`` (index along z)."""
        epoch, index = (0, key) if isinstance(key, int) else key
        if not 0 <= index < len(self):
            raise IndexError(f"slice {index} of a dataset of {len(self)}")
        rng = np.random.default_rng((self.seed, epoch, index))
        number, turn = divmod(index, self.slices_per_volume)
        volume = self.volumes[number]
        where = self.index[number]
        z = where.draw(rng, with_target=turn < self.target_slices)
        corner = where.corner(rng, self.img_size, volume["label"][0, :, :, z])
        stack = stack_neighbours(volume["image"], torch.tensor([z]), self.neighbour_slices)[0]
        sample = {
            "image": cut(stack, corner, self.img_size),
            "label": cut(volume["label"][..., z], corner, self.img_size),
        }
        if self.slice_transform is not None:
            self.slice_transform.set_random_state(seed=int(rng.integers(2**32)))
            sample = self.slice_transform(sample)
        image, label = (torch.as_tensor(np.asarray(sample[key]), dtype=torch.float32) for key in ("image", "label"))
        return {"image": image, "label": label, "file": str(self.data[number]["image"]), "slice": z}


class SliceIndex:
    """Where a volume has target and where its body lies, found once per volume."""

    def __init__(self, image: torch.Tensor, label: torch.Tensor, threshold: float) -> None:
        self.with_target = torch.nonzero(label[0].flatten(0, 1).amax(dim=0)).flatten().tolist()
        self.without_target = sorted(set(range(label.shape[-1])) - set(self.with_target))
        mask = body_mask(image[0].nan_to_num(), threshold)
        self.extents = body_box(mask, (image.shape[1], image.shape[2]))

    def draw(self, rng: np.random.Generator, with_target: bool) -> int:
        """Return a slice of the kind asked for, or of the other kind where there is none."""
        kinds = (self.with_target, self.without_target) if with_target else (self.without_target, self.with_target)
        return int(rng.choice(kinds[0] or kinds[1]))

    def corner(self, rng: np.random.Generator, size: tuple[int, ...], label: torch.Tensor) -> tuple[int, int]:
        """Return the first pixel of a window: centred on the body; in a larger body anywhere, on a target if any."""
        points = torch.nonzero(label)
        target = points[int(rng.integers(len(points)))].tolist() if len(points) else None
        corner = []
        for axis, (low, high) in enumerate(self.extents):
            length = size[axis]
            fits = high - low <= length
            start = centred_start((low, high), length) if fits else int(rng.integers(low, high - length + 1))
            if target is not None:
                start = min(max(start, target[axis] - length + 1), target[axis])
            corner.append(start)
        return corner[0], corner[1]


def check_arguments(data: Sequence[Any], slices_per_volume: int, target_fraction: float, neighbour_slices: int) -> None:
    """Refuse what cannot be trained on."""
    if len(data) == 0:
        raise ValueError("no training item: the 'training' part of the datalist is empty; check its split")
    if slices_per_volume < 1:
        raise ValueError(f"slices_per_volume must be at least 1, got {slices_per_volume}")
    if not 0.0 <= target_fraction <= 1.0:
        raise ValueError(f"target_fraction must be between 0 and 1, got {target_fraction}")
    if neighbour_slices < 1 or neighbour_slices % 2 == 0:
        raise ValueError(f"neighbour_slices must be odd, got {neighbour_slices}; use 1 for plain 2D, 3 or 5 for 2.5D")


def compact(item: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Keep image and label only, as float16 (a step of 0.7 HU in a window of 1400 HU) and uint8.

    What is not finite stays so, in the label too, for the stability guard to find it and name the file.
    """
    image, label = (torch.as_tensor(np.asarray(item[key])) for key in ("image", "label"))
    whole = bool(torch.isfinite(label).all())
    return {"image": image.half(), "label": label.to(torch.uint8) if whole else label.half()}


def cache_gigabytes(data: Sequence[dict[str, Any]]) -> float:
    """Return an upper bound of the cache: every voxel of the headers at three bytes (resampling mostly shrinks it)."""
    voxels = 0
    for item in data:
        if Path(item["image"]).is_file():
            voxels += int(np.prod(nibabel.load(item["image"]).shape[:3]))
    return voxels * CACHED_BYTES_PER_VOXEL / 1e9


def cut(planes: torch.Tensor, corner: tuple[int, int], size: tuple[int, ...]) -> torch.Tensor:
    """Return the window of ``planes`` (C, X, Y) from ``corner`` on, as float32 (C, *size), with 0 (air) outside."""
    out = torch.zeros((planes.shape[0], *size), dtype=torch.float32)
    first = [max(0, -start) for start in corner]
    last = [min(size[axis], planes.shape[1 + axis] - corner[axis]) for axis in range(2)]
    if last[0] > first[0] and last[1] > first[1]:
        out[:, first[0] : last[0], first[1] : last[1]] = planes[
            :, corner[0] + first[0] : corner[0] + last[0], corner[1] + first[1] : corner[1] + last[1]
        ]
    return out
