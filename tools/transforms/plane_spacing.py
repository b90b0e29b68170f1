"""Resample the slices of a volume to a fixed spacing, without touching the distance between them.

Computed tomography has slices 1 to 5 mm apart and pixels below 1 mm: a two-dimensional network wants one pixel size and
every slice as it was scanned.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import InvertibleTransform, MapTransform
from monai.utils import TraceKeys, TransformBackends, ensure_tuple_rep

MODES = ("bilinear", "nearest")


class PlaneSpacing(InvertibleTransform):
    """Resample the first two spatial axes of a (C, X, Y, Z) volume to ``spacing_mm``; keep the third exactly.

    The first voxel keeps its centre, like :class:`monai.transforms.Spacing`. The axes keep their directions, so shear
    (a gantry tilt) survives, and values beyond the last voxel repeat it. Only two axes are ever interpolated, one after
    the other: a tenth of the time of a three-dimensional ``grid_sample`` in float64.

    Args:
        spacing_mm: target distance of voxel centres in mm along the first and the second spatial axis.
        mode: ``bilinear`` for images and probabilities, ``nearest`` for labels.

    """

    backend = [TransformBackends.TORCH]

    def __init__(self, spacing_mm: Sequence[float] = (1.5, 1.5), mode: str = "bilinear") -> None:
        spacing = tuple(float(value) for value in spacing_mm)
        if len(spacing) != 2 or not all(np.isfinite(value) and value > 0 for value in spacing):
            raise ValueError(f"spacing_mm must be two positive distances in mm, got {list(spacing_mm)}.")
        self.spacing_mm = spacing
        self.mode = _checked_mode(mode)

    def __call__(self, data: MetaTensor, mode: str | None = None) -> MetaTensor:
        """Return the float32 volume (C, X', Y', Z) with its new affine.

        Raises:
            TypeError: when ``data`` carries no affine.
            ValueError: when it is not a (C, X, Y, Z) volume.

        """
        if not isinstance(data, MetaTensor):
            raise TypeError(
                f"PlaneSpacing needs a MetaTensor with an affine, got {type(data).__name__}; load with LoadImaged."
            )
        if data.ndim != 4:
            raise ValueError(f"PlaneSpacing needs a volume (C, X, Y, Z), got shape {tuple(data.shape)}.")
        mode = _checked_mode(mode or self.mode)
        source = np.linalg.norm(np.asarray(data.affine.cpu(), dtype=np.float64)[:3, :2], axis=0)
        step = np.asarray(self.spacing_mm) / source
        size = [round((length - 1) / ratio) + 1 for length, ratio in zip(data.shape[1:3], step, strict=True)]
        info = self.track_transform_meta(
            data,
            sp_size=(*size, data.shape[3]),
            affine=torch.diag(torch.tensor([*step, 1.0, 1.0], dtype=torch.float64)),
            extra_info={"mode": mode, "step": [float(ratio) for ratio in step], "source_affine": data.affine.clone()},
            orig_size=tuple(data.shape[1:]),
            transform_info=self.get_transform_info(),
        )
        out = MetaTensor(_resample_plane(data.as_tensor(), size, step, mode))
        return out.copy_meta_from(info)

    def inverse(self, data: MetaTensor) -> MetaTensor:
        """Return the volume on the grid it came from: the same shape, the same affine."""
        applied = self.pop_transform(data)
        extra = applied[TraceKeys.EXTRA_INFO]
        size = [int(length) for length in applied[TraceKeys.ORIG_SIZE][:2]]
        step = [1.0 / ratio for ratio in extra["step"]]
        out = MetaTensor(_resample_plane(data.as_tensor(), size, step, extra["mode"])).copy_meta_from(data)
        out.affine = extra["source_affine"].clone()
        return out


class PlaneSpacingd(MapTransform, InvertibleTransform):
    """Dictionary version of :class:`PlaneSpacing`.

    It touches only its own keys. :class:`monai.transforms.Spacingd` calls ``.update()`` on every entry whose name
    starts with ``<key>_``, which MONAI Label breaks by adding the string ``image_path``.

    Args:
        keys: volumes (C, X, Y, Z) to resample.
        spacing_mm: target distance in mm along the first and the second spatial axis.
        mode: ``bilinear`` or ``nearest``, one for all keys or one a key.
        allow_missing_keys: pass over keys that an item lacks.

    """

    backend = PlaneSpacing.backend

    def __init__(
        self,
        keys: KeysCollection,
        spacing_mm: Sequence[float] = (1.5, 1.5),
        mode: str | Sequence[str] = "bilinear",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.modes = tuple(_checked_mode(name) for name in ensure_tuple_rep(mode, len(self.keys)))
        self.resample = PlaneSpacing(spacing_mm)

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        """Return the item with the volumes resampled."""
        item = dict(data)
        for key, mode in self.key_iterator(item, self.modes):
            item[key] = self.resample(item[key], mode)
        return item

    def inverse(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        """Return the item with the volumes on the grid they came from."""
        item = dict(data)
        for key in self.key_iterator(item):
            item[key] = self.resample.inverse(item[key])
        return item


def _checked_mode(mode: str) -> str:
    """Return ``mode`` when it is one of :data:`MODES`."""
    if mode not in MODES:
        raise ValueError(f"mode must be one of {MODES}, got {mode!r}.")
    return mode


def _resample_plane(volume: torch.Tensor, size: Sequence[int], step: Sequence[float], mode: str) -> torch.Tensor:
    """Sample (C, X, Y, Z) at multiples of ``step`` along X and Y; returns float32 (C, *size, Z)."""
    for axis in (1, 2):
        volume = _resample_axis(volume, axis, size[axis - 1], float(step[axis - 1]), mode)
    return volume.to(torch.float32)


def _resample_axis(volume: torch.Tensor, axis: int, size: int, step: float, mode: str) -> torch.Tensor:
    """Sample one axis at ``0, step, 2 * step, ...`` voxels; positions past the end repeat the last voxel."""
    last = volume.shape[axis] - 1
    where = (torch.arange(size, dtype=torch.float64, device=volume.device) * step).clamp_(0, last)
    if mode == "nearest":
        return volume.index_select(axis, (where + 0.5).floor().long().clamp_(max=last))
    lower = where.floor().long()
    weight = (where - lower).to(torch.float32)
    weight = weight.view([-1 if dim == axis else 1 for dim in range(volume.ndim)])
    volume = volume.to(torch.float32)
    upper = (lower + 1).clamp_(max=last)
    return torch.lerp(volume.index_select(axis, lower), volume.index_select(axis, upper), weight)
