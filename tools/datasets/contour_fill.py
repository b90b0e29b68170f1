"""Planar contours of one slice to voxels.

A voxel is inside when its centre is inside the polygon. Rings combine by geometry, never by the order or direction in
which they were drawn: a ring wholly inside another is a hole, a ring inside a hole is filled again, partial overlap is
a union, and a ring drawn twice counts once. Coordinates are voxel indices (X, Y), where whole numbers are centres.
"""

from collections.abc import Sequence

import numpy as np

ON_EDGE = 0.05  # voxels: closer than this to a ring counts as on it
SAMPLE_STEP = 1.0  # voxels between the points that stand for a ring when two are compared


def fill_polygon(mask: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Voxels whose centres are inside ``polygon`` by the even-odd rule.

    A centre exactly on an edge is inside on the low side of x and y and outside on the high side, so that polygons that
    share an edge share no voxel and the area is not biased.

    Args:
        mask: gives the grid, (X, Y).
        polygon: (N, 2) points, closed implicitly.

    Returns:
        Boolean (X, Y).
    """
    filled = np.zeros(mask.shape, dtype=bool)
    x0, y0 = polygon.T
    x1, y1 = np.roll(polygon, -1, axis=0).T
    first = max(int(np.ceil(y0.min())), 0)
    last = min(int(np.floor(y0.max())), mask.shape[1] - 1)
    for row in range(first, last + 1):
        crossing = (y0 <= row) != (y1 <= row)
        if not crossing.any():
            continue
        left, low, right, high = x0[crossing], y0[crossing], x1[crossing], y1[crossing]
        where = np.sort(left + (row - low) * (right - left) / (high - low))
        bounds = np.clip(np.ceil(where), 0, mask.shape[0]).astype(int)
        for start, stop in zip(bounds[::2], bounds[1::2], strict=True):
            filled[start:stop, row] ^= True
    return filled


def fill_rings(shape: tuple[int, int], rings: Sequence[np.ndarray]) -> tuple[np.ndarray, int, int]:
    """Combine the rings of one slice.

    Args:
        shape: (X, Y).
        rings: each (N, 2) voxel coordinates.

    Returns:
        Boolean mask (X, Y), the number of pairs that overlap in part, and the number of duplicates left out.
    """
    rings, duplicates = _without_duplicates(rings)
    mask = np.zeros(shape, dtype=bool)
    depth = np.zeros(len(rings), dtype=int)
    overlaps = 0
    for i, first in enumerate(rings):
        for j in range(i):
            relation = relate(first, rings[j])
            depth[i] += relation == "inside"
            depth[j] += relation == "around"
            overlaps += relation == "overlap"
    for index in np.argsort(depth, kind="stable"):
        filled = fill_polygon(mask, rings[index])
        mask = mask & ~filled if depth[index] % 2 else mask | filled
    return mask, overlaps, duplicates


def relate(first: np.ndarray, second: np.ndarray) -> str:
    """How ring ``first`` lies to ring ``second``: same, inside, around, apart or overlap."""
    if (first.max(axis=0) < second.min(axis=0)).any() or (second.max(axis=0) < first.min(axis=0)).any():
        return "apart"
    first_in, first_out = _in_and_out(first, second)
    second_in, second_out = _in_and_out(second, first)
    if not first_out and not second_out:
        return "same"
    if not first_out:
        return "inside"
    if not second_out:
        return "around"
    return "overlap" if first_in or second_in else "apart"


def _without_duplicates(rings: Sequence[np.ndarray]) -> tuple[list[np.ndarray], int]:
    kept: list[np.ndarray] = []
    for ring in rings:
        if not any(relate(ring, other) == "same" for other in kept):
            kept.append(ring)
    return kept, len(rings) - len(kept)


def _in_and_out(ring: np.ndarray, other: np.ndarray) -> tuple[bool, bool]:
    """Whether any point of ``ring`` is clearly inside and any clearly outside ``other``."""
    points = _dense(ring)
    start, end = other, np.roll(other, -1, axis=0)
    edge = end - start  # (E, 2)
    offset = points[:, None] - start[None]  # (P, E, 2)
    length = np.maximum((edge**2).sum(axis=1), 1e-12)
    along = np.clip((offset * edge).sum(axis=2) / length, 0, 1)
    distance = np.sqrt(((offset - along[..., None] * edge) ** 2).sum(axis=2).min(axis=1))
    crosses = (start[None, :, 1] <= points[:, None, 1]) != (end[None, :, 1] <= points[:, None, 1])
    height = np.where(edge[:, 1] == 0, 1, edge[:, 1])
    right = start[:, 0] + offset[..., 1] * edge[:, 0] / height > points[:, None, 0]
    inside = (crosses & right).sum(axis=1) % 2 == 1
    clear = distance > ON_EDGE
    return bool((inside & clear).any()), bool((~inside & clear).any())


def _dense(ring: np.ndarray) -> np.ndarray:
    """Points along a ring, at most ``SAMPLE_STEP`` apart, its corners among them."""
    ends = np.roll(ring, -1, axis=0)
    counts = np.maximum(np.ceil(np.linalg.norm(ends - ring, axis=1) / SAMPLE_STEP).astype(int), 1)
    return np.concatenate(
        [
            start + (end - start) * (np.arange(count) / count)[:, None]
            for start, end, count in zip(ring, ends, counts, strict=True)
        ]
    )
