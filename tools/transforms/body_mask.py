"""Find the body in a windowed CT volume, cheaply: what lies outside is air, clothes and the couch."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from monai.data import MetaTensor

CELL_PIXELS = 2
SMALLEST_SHARE = 0.005


def body_threshold(window_hu: tuple[float, float] = (-1000.0, 400.0), body_hu: float = -500.0) -> float:
    """Return the windowed value in [0, 1] of ``body_hu``, which divides tissue from air.

    Raises:
        ValueError: when ``body_hu`` lies outside the window, where all values look the same.

    """
    lower, upper = float(window_hu[0]), float(window_hu[1])
    if not lower < body_hu < upper:
        raise ValueError(f"body_hu must lie inside the first window [{lower:g}, {upper:g}] HU, got {body_hu:g}.")
    return (body_hu - lower) / (upper - lower)


def body_mask(volume: torch.Tensor, threshold: float) -> torch.Tensor:
    """Return a coarse mask (ceil(X / 2), ceil(Y / 2), Z) of the body in a volume (X, Y, Z), True inside.

    Pixels are averaged in cells of 2 x 2; cells above ``threshold`` are shrunk by one, which parts thin things that
    touch (couch, clothes, cables); the largest connected component is grown back, and its holes (the lungs) are filled
    slice by slice. When nothing or almost nothing is found, all of the volume counts as body.

    Args:
        volume: (X, Y, Z), windowed to [0, 1], on any device; the work is done on the CPU on a quarter of it.
        threshold: what is tissue, see :func:`body_threshold`.

    """
    from scipy import ndimage

    cells = F.avg_pool2d(_plain(volume).permute(2, 0, 1)[:, None].float(), CELL_PIXELS, ceil_mode=True)[:, 0]
    tissue = (cells > threshold).cpu().numpy()
    in_plane = np.zeros((3, 3, 3), dtype=bool)
    in_plane[1] = ndimage.generate_binary_structure(2, 1)
    core = ndimage.binary_erosion(tissue, in_plane, border_value=1)
    labels, count = ndimage.label(core)
    if not count:
        return torch.ones(tissue.shape, dtype=torch.bool).permute(1, 2, 0)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    body = ndimage.binary_dilation(labels == sizes.argmax(), in_plane)
    body |= _holes(body, in_plane)
    if body.mean() < SMALLEST_SHARE:
        body[:] = True
    return torch.from_numpy(body).permute(1, 2, 0)


def _holes(body: np.ndarray, in_plane: np.ndarray) -> np.ndarray:
    """Return the cells (Z, X, Y) that the body encloses within their slice: not joined to the edge of the plane."""
    from scipy import ndimage

    labels, count = ndimage.label(~body, in_plane)
    outside = np.zeros(count + 1, dtype=bool)
    for edge in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        outside[np.unique(edge)] = True
    return ~body & ~outside[labels]


def body_box(mask: torch.Tensor, size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the pixel ranges [start, stop) along X and Y that hold a :func:`body_mask`, within a plane of ``size``."""
    return _box_of(mask.any(dim=2), size)


def slice_boxes(mask: torch.Tensor, size: tuple[int, int]) -> list[tuple[tuple[int, int], tuple[int, int]] | None]:
    """Return :func:`body_box` of each slice alone, None where a slice holds no body."""
    return [_box_of(piece, size) if piece.any() else None for piece in mask.unbind(dim=2)]


def _box_of(cells: torch.Tensor, size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the pixel ranges that hold the True cells of a plane."""
    ranges = []
    for axis, length in enumerate(size):
        hit = cells.any(dim=1 - axis).nonzero().flatten()
        ranges.append((int(hit[0]) * CELL_PIXELS, min((int(hit[-1]) + 1) * CELL_PIXELS, length)))
    return ranges[0], ranges[1]


def centred_start(extent: tuple[int, int], length: int) -> int:
    """Return where ``length`` pixels start that are centred on the range ``extent`` [start, stop)."""
    return (extent[0] + extent[1] - length) // 2


def _plain(volume: torch.Tensor) -> torch.Tensor:
    """Return the tensor without its metadata."""
    return volume.as_tensor() if isinstance(volume, MetaTensor) else volume
