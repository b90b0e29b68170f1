"""Shapes of the CT phantom as signed distances in millimetres, and painting them with partial volume.

Arrays are (Z, Y, X). Axes follow DICOM: x to the patient's left, y to the back, z to the head; 0 is the centre of the
scan. A signed distance is positive inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage


@dataclass(frozen=True)
class Grid:
    """The voxels of one scan: `shape` (Z, Y, X) and `spacing` (z, y, x) in mm."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]

    @property
    def axes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Coordinates z, y, x in mm, shaped to broadcast over the volume."""
        lines = [
            (np.arange(n, dtype=np.float32) - (n - 1) / 2) * np.float32(mm)
            for n, mm in zip(self.shape, self.spacing, strict=True)
        ]
        return lines[0][:, None, None], lines[1][None, :, None], lines[2][None, None, :]

    def index(self, points: np.ndarray) -> np.ndarray:
        """Voxel indices (N, 3), not rounded, of points (N, 3) in mm, both in order z, y, x."""
        return np.asarray(points) / self.spacing + (np.array(self.shape) - 1) / 2

    def points(self, index: np.ndarray) -> np.ndarray:
        """Points (N, 3) in mm of voxel indices (N, 3)."""
        return (np.asarray(index) - (np.array(self.shape) - 1) / 2) * np.array(self.spacing)

    def box(self, low: np.ndarray, high: np.ndarray) -> tuple[slice, slice, slice]:
        """The slices that cover all voxels between two points in mm, cut to the volume."""
        first = np.clip(np.floor(self.index(low)), 0, self.shape).astype(int)
        last = np.clip(np.ceil(self.index(high)) + 1, 0, self.shape).astype(int)
        return tuple(slice(a, b) for a, b in zip(first, last, strict=True))

    def axes_in(self, box: tuple[slice, slice, slice]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`axes` of the voxels in a box."""
        z, y, x = self.axes
        return z[box[0]], y[:, box[1]], x[:, :, box[2]]


def smooth_noise(grid: Grid, grain_mm: float, rng: np.random.Generator) -> np.ndarray:
    """A random field (Z, Y, X) of mean 0 and SD about 1 whose bumps are `grain_mm` wide, float32."""
    size = [max(4, int(np.ceil(n * mm / grain_mm)) + 3) for n, mm in zip(grid.shape, grid.spacing, strict=True)]
    coarse = rng.standard_normal(size).astype(np.float32)
    field = coarse
    for axis, n in enumerate(grid.shape):
        at = np.linspace(1, size[axis] - 2, n)
        low = np.floor(at).astype(int)
        part = (at - low).astype(np.float32)
        part = (part * part * (3 - 2 * part)).reshape([-1 if k == axis else 1 for k in range(3)])
        field = np.take(field, low, axis) * (1 - part) + np.take(field, low + 1, axis) * part
    return field / max(float(field.std()), 1e-6)


def ellipsoid(
    axes: tuple[np.ndarray, np.ndarray, np.ndarray], centre: tuple[float, ...], radii: tuple[float, ...]
) -> np.ndarray:
    """Signed distance (first order) to an ellipsoid; a radius of infinity makes a cylinder. Order z, y, x, in mm."""
    squares = [((a - c) / r) ** 2 for a, c, r in zip(axes, centre, radii, strict=True)]
    return (1 - np.sqrt(squares[0] + squares[1] + squares[2])) * np.float32(min(radii))


def occupancy(distance: np.ndarray, edge_mm: float) -> np.ndarray:
    """Share of each voxel inside, from a signed distance, for a voxel `edge_mm` wide."""
    return np.clip(distance / np.float32(edge_mm) + np.float32(0.5), 0, 1)


def paint(image: np.ndarray, distance: np.ndarray, hu: float | np.ndarray, edge_mm: float) -> None:
    """Mix `hu` into `image` in place by the share of each voxel that is inside."""
    image += (hu - image) * occupancy(distance, edge_mm)


def paint_tube(
    image: np.ndarray, grid: Grid, start: np.ndarray, end: np.ndarray, radius_mm: float, hu: float
) -> tuple[tuple[slice, slice, slice], np.ndarray] | None:
    """Mix a rounded tube between two points (z, y, x in mm) into `image`; returns the box and the shares, if any.

    A tube thinner than a slice fills only part of it: the share is then radius over half thickness.
    """
    start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
    half = grid.spacing[0] / 2
    reach = np.array([max(radius_mm, half), radius_mm + grid.spacing[1], radius_mm + grid.spacing[2]])
    box = grid.box(np.minimum(start, end) - reach, np.maximum(start, end) + reach)
    if any(side.stop <= side.start for side in box):
        return None
    z, y, x = grid.axes_in(box)
    way = end - start
    length = max(float(way @ way), 1e-6)
    along = ((z - start[0]) * way[0] + (y - start[1]) * way[1] + (x - start[2]) * way[2]) / length
    along = np.clip(along, 0, 1)
    dz = np.maximum(np.abs(z - (start[0] + along * way[0])) - max(half - radius_mm, 0), 0)
    dy, dx = y - (start[1] + along * way[1]), x - (start[2] + along * way[2])
    share = occupancy(radius_mm - np.sqrt(dz * dz + dy * dy + dx * dx), grid.spacing[2])
    upright = abs(way[0]) / np.sqrt(length)  # a tube along z fills the slice however thin it is
    share = share * max(min(1.0, radius_mm / half), upright)
    view = image[box]
    view += ((hu - view) * share).astype(np.float32)
    return box, share


def sample(field: np.ndarray, grid: Grid, points: np.ndarray) -> np.ndarray:
    """Values (N,) of a volume at points (N, 3) in mm, to the nearest voxel, the border going on outside."""
    at = np.clip(np.rint(grid.index(points)), 0, np.array(grid.shape) - 1).astype(int)
    return field[at[:, 0], at[:, 1], at[:, 2]]


def blur(image: np.ndarray, grid: Grid, sd_mm: float) -> np.ndarray:
    """Reconstruction kernel in plane and the overlap of neighbouring slices."""
    image = ndimage.gaussian_filter(image, (0, sd_mm / grid.spacing[1], sd_mm / grid.spacing[2]), mode="nearest")
    return ndimage.correlate1d(image, np.array([0.12, 0.76, 0.12]), axis=0, mode="nearest")
