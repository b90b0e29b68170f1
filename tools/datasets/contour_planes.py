"""Closed planar contours to a mask: which slice each belongs to, and what is told about those that fit none.

The rules are those of ``contour_fill`` within a slice. Across slices: a contour belongs to the slice whose plane is
nearest, at most half a slice distance away; contours beyond the stack are reported and left out, slices without a
contour between others are reported and stay empty. Several contour planes that are nearest to the same slice are not
merged (a smaller one would look like a hole): the nearest plane is taken, the others reported.
"""

from dataclasses import dataclass

import numpy as np

from .contour_fill import fill_polygon, fill_rings
from .findings import Findings, some
from .slice_geometry import Grid

SAME_PLANE = 0.05  # of the slice distance
OFF_SLICE = 0.1  # of the slice distance: farther from the nearest slice is told


@dataclass(frozen=True)
class Ring:
    """A closed contour in voxel coordinates: points (N, 2) = (X, Y), and its height in slices."""

    points: np.ndarray
    height: float
    exclusive: bool


def fill_planes(rings: list[Ring], grid: Grid, name: str, findings: Findings) -> np.ndarray:
    """Mask (X, Y, Z), uint8 of 0 and 1, of the rings of one structure; ``name`` is for what is told."""
    mask = np.zeros(grid.shape, dtype=np.uint8, order="F")
    planes = _assign(rings, grid, name, findings)
    overlaps = duplicates = 0
    for index, plane in planes.items():
        if any(ring.exclusive for ring in plane):
            for ring in plane:
                mask[:, :, index] ^= fill_polygon(mask[:, :, index], ring.points)
            continue
        filled, overlapping, repeated = fill_rings(grid.shape[:2], [ring.points for ring in plane])
        mask[:, :, index] = filled
        overlaps += overlapping
        duplicates += repeated
    if overlaps:
        findings.warning(f"ROI '{name}': {overlaps} pair(s) of contours in one slice overlap in part: joined")
    if duplicates:
        findings.warning(f"ROI '{name}': {duplicates} contour(s) are drawn twice: counted once")
    outside = sum((ring.points < -0.5).any() or (ring.points > np.array(grid.shape[:2]) - 0.5).any() for ring in rings)
    if outside:
        findings.warning(f"ROI '{name}': {outside} contour(s) leave the image in plane: cut at its border")
    return mask


def _assign(rings: list[Ring], grid: Grid, name: str, findings: Findings) -> dict[int, list[Ring]]:
    """Slice index to the rings of the plane nearest to it."""
    depth, spacing = grid.shape[2], grid.spacing_mm[2]
    beyond = [ring for ring in rings if not -0.5 <= ring.height <= depth - 0.5]
    if beyond:
        below = [-ring.height for ring in beyond if ring.height < 0]
        above = [ring.height - depth + 1 for ring in beyond if ring.height > 0]
        reach = " and ".join(
            f"{max(side) * spacing:.1f} mm {where}" for side, where in ((below, "before"), (above, "after")) if side
        )
        tell = findings.warning if len(beyond) < len(rings) else findings.problem
        tell(
            f"ROI '{name}': {len(beyond)} of {len(rings)} contour(s) lie beyond the {depth} slices (up to {reach} the "
            "stack) and are left out: the mask is cut off; look for the missing part of the CT"
        )
    slices: dict[int, list[Ring]] = {}
    for ring in rings:
        if -0.5 <= ring.height <= depth - 0.5:
            slices.setdefault(min(max(round(ring.height), 0), depth - 1), []).append(ring)
    unused, farthest = 0, 0.0
    for index, plane in slices.items():
        nearest = min(plane, key=lambda ring: abs(ring.height - index)).height
        slices[index] = [ring for ring in plane if abs(ring.height - nearest) <= SAME_PLANE]
        unused += len(plane) - len(slices[index])
        farthest = max(farthest, abs(nearest - index))
    if unused:
        findings.warning(f"ROI '{name}': {unused} contour(s) lie between slices, another plane is nearer: left out")
    if farthest > OFF_SLICE:
        findings.warning(
            f"ROI '{name}': contours lie up to {farthest * spacing:.2f} mm off their slice: moved to the nearest"
        )
    gaps = sorted(set(range(min(slices), max(slices) + 1)) - set(slices)) if slices else []
    if gaps:
        findings.warning(
            f"ROI '{name}': {len(gaps)} slice(s) between others have no contour (index {some(gaps)}): left empty"
        )
    return dict(sorted(slices.items()))
