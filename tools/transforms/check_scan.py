"""Refuse scans that cannot be what they claim to be, before anything is computed from them."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from .grid_distance import SAME_GRID_MM, grid_distance

logger = logging.getLogger(__name__)


class CheckScand(MapTransform):
    """Check that volumes are three-dimensional, finite, and on the grid of their label.

    All problems of an item are reported in one error that names the files.

    Args:
        keys: volumes (C, X, Y, Z) as they come from ``EnsureChannelFirstd``.
        label_key: the label (1, X, Y, Z) that must share shape and affine with each of ``keys``; None for no label.
        allow_nonfinite: let NaN and Inf pass (a guard further on deals with them).
        label_values: what a label may hold (0 and 255 would be learnt as "255 times certain"); None for anything.
        allow_missing_keys: pass over keys that an item lacks.

    Raises:
        ValueError: with every rule that the item breaks.

    """

    def __init__(
        self,
        keys: KeysCollection,
        label_key: str | None = None,
        allow_nonfinite: bool = False,
        allow_missing_keys: bool = False,
        label_values: Sequence[float] | None = None,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.label_key = label_key
        self.label_values = None if label_values is None else tuple(label_values)
        self.allow_nonfinite = allow_nonfinite

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        """Return the item unchanged when nothing is wrong with it."""
        item = dict(data)
        problems: list[str] = []
        label = item.get(self.label_key) if self.label_key else None
        volumes = {key: item[key] for key in self.key_iterator(item)}
        for key, volume in volumes.items():
            problems += self._volume_problems(str(key), volume)
            if label is not None and label is not volume:
                problems += _grid_problems(str(key), volume, label)
        if label is not None and self.label_key not in volumes:
            problems += self._volume_problems(str(self.label_key), label)
        if label is not None and self.label_values is not None:
            problems += _value_problems(label, self.label_values)
        if problems:
            raise ValueError("This scan cannot be used:\n" + "\n".join(f"  - {problem}" for problem in problems))
        for key, volume in volumes.items():
            _warn_of_other_units(str(key), volume)
        return item

    def _volume_problems(self, key: str, volume: torch.Tensor) -> list[str]:
        """Return what is wrong with one volume alone."""
        name = _file_name(key, volume)
        if volume.ndim != 4 or volume.shape[0] != 1:
            shape = tuple(volume.shape[1:])
            return [
                f"{name} must be one three-dimensional volume, got {len(shape)} spatial axes {shape} with "
                f"{volume.shape[0]} channel(s); give a CT volume or a folder with one DICOM series."
            ]
        if self.allow_nonfinite or not volume.is_floating_point():
            return []
        bad = volume.numel() - int(torch.isfinite(_plain(volume)).sum())
        if not bad:
            return []
        return [
            f"{name} has {bad} of {volume.numel()} voxels that are NaN or infinite; export it again or leave it out."
        ]


def _warn_of_other_units(key: str, volume: torch.Tensor) -> None:
    """Warn of what reads as a volume but can hardly be a CT: a mask, or a picture of 8 bits."""
    low, high = (float(value) for value in torch.aminmax(_plain(volume).float().nan_to_num()))
    if low >= 0 and high <= 255 and high > low:
        name = _file_name(key, volume)
        logger.warning("%s holds values from %g to %g: is it a mask? A CT has air at -1000 HU.", name, low, high)


def _grid_problems(key: str, volume: torch.Tensor, label: torch.Tensor) -> list[str]:
    """Return how the grids of a volume and its label differ."""
    names = f"{_file_name('label', label)} and {_file_name(key, volume)}"
    if tuple(volume.shape[1:]) != tuple(label.shape[1:]):
        return [
            f"{names} must have one shape, got {tuple(label.shape[1:])} and {tuple(volume.shape[1:])}; "
            "convert the dataset again so that the mask is drawn on the grid of its CT."
        ]
    if not (isinstance(volume, MetaTensor) and isinstance(label, MetaTensor)):
        return []
    distance = grid_distance(volume.affine.cpu(), label.affine.cpu(), volume.shape[1:])
    if distance <= SAME_GRID_MM:
        return []
    return [
        f"{names} must lie on one grid, but their affines place a corner {distance:.2f} mm apart; convert them again."
    ]


def _value_problems(label: torch.Tensor, allowed: Sequence[float]) -> list[str]:
    """Return which finite values a label holds that it may not."""
    plain = _plain(label)
    strange = torch.isfinite(plain)
    for value in allowed:
        strange &= plain != value
    if not strange.any():
        return []
    found = ", ".join(f"{value:g}" for value in plain[strange].unique().tolist()[:5])
    may = ", ".join(f"{value:g}" for value in allowed)
    return [
        f"{_file_name('label', label)} may hold only {may}, found {found} in {int(strange.sum())} voxels; write "
        "the mask of the structure with these values."
    ]


def _plain(volume: torch.Tensor) -> torch.Tensor:
    """Return the tensor without its metadata, which is faster to reduce."""
    return volume.as_tensor() if isinstance(volume, MetaTensor) else volume


def _file_name(key: str, volume: torch.Tensor) -> str:
    """Return the file that a volume was read from, or its key when it was made in memory."""
    name = volume.meta.get("filename_or_obj") if isinstance(volume, MetaTensor) else None
    if isinstance(name, (list, tuple)):
        name = name[0] if name else None
    return f"{key} {name}" if name else f"the volume under {key!r}"
