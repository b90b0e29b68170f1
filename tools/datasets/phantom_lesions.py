"""Lesions of the CT phantom: the labelled tumour, and what looks like one but is not labelled.

Arrays are (Z, Y, X) in the axes of `phantom_shapes`; a target is a signed distance in mm, positive inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .phantom_anatomy import Chest
from .phantom_grades import Grade
from .phantom_shapes import Grid, ellipsoid, occupancy, paint, paint_tube, sample, smooth_noise
from .phantom_vessels import Tree

OUTSIDE_MM = -100.0


@dataclass(frozen=True)
class TumourPlan:
    """Where the tumour of one patient sits (wall, hilum, vessel or free) and what it is made of."""

    site: str
    kind: str
    volume_ml: float


def place(chest: Chest, grid: Grid, plan: TumourPlan, radius: float, trees: list[Tree], rng: np.random.Generator
          ) -> np.ndarray:  # fmt: skip
    """Centre of a tumour (z, y, x in mm) of the given radius at the planned site, away from the scan's ends."""
    lungs = chest.lungs
    z, _, x = grid.axes
    low, high = chest.base + 0.18 * chest.height, chest.base + 0.88 * chest.height
    edge = min(radius, 0.3 * chest.height)
    level = (z > max(low, z.min() + edge)) & (z < min(high, z.max() - edge))
    medial = np.abs(x) < 0.42 * chest.half_width
    if plan.site == "wall":
        fits = (lungs > 0.15 * radius) & (lungs < 0.4 * radius + 2) & (np.abs(x) > 0.55 * chest.half_width)
    elif plan.site == "hilum":
        fits = (lungs > 0.15 * radius) & (lungs < 0.4 * radius + 2) & medial
    elif plan.site == "vessel":
        nodes = np.concatenate([tree.nodes[tree.radii > np.quantile(tree.radii, 0.7)] for tree in trees])
        at = nodes + rng.normal(0, 0.6 * radius, nodes.shape)
        good = (sample(lungs, grid, at) > min(0.8 * radius, 14)) & (sample(level + 0 * lungs, grid, at) > 0)
        if good.any():
            return at[good][rng.integers(good.sum())]
        fits = lungs > 0.5 * radius
    else:
        fits = lungs > min(1.15 * radius, 0.9 * float(lungs[np.broadcast_to(level, lungs.shape)].max()))
    spots = np.argwhere(fits & level)
    if len(spots) == 0:
        spots = np.argwhere((lungs > 0.4 * float(lungs.max())) & level)
    return grid.points(spots[rng.integers(len(spots))][None])[0]


def _blob(grid: Grid, centre: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    stretch = np.exp(rng.normal(0, 0.12, 3))
    radii = radius * stretch / np.cbrt(stretch.prod())
    lumps = smooth_noise(grid, max(0.8 * radius, 6), rng) * (0.09 * radius) + smooth_noise(grid, 5, rng) * 0.3
    return ellipsoid(grid.axes, tuple(centre), tuple(radii)) + lumps


def draw_tumour(chest: Chest, grid: Grid, grade: Grade, plan: TumourPlan, trees: list[Tree], rng: np.random.Generator
                ) -> np.ndarray:  # fmt: skip
    """Draw the planned tumour and return its signed distance in mm (Z, Y, X), the volume right to a few per cent."""
    wanted = plan.volume_ml * 1000
    radius = float(np.cbrt(3 * wanted / (4 * np.pi)))
    centre = place(chest, grid, plan, radius, trees, rng)
    blob = _blob(grid, centre, radius, rng)
    inside = chest.lungs + (1.5 if plan.site in ("wall", "hilum") else 0.0)  # how far it grows out of the lung
    shift = _shift_to_volume(blob, inside, wanted / float(np.prod(grid.spacing)), 0.5 * radius)
    blob = blob + shift
    radius += shift
    core_hu = rng.uniform(*grade.tumour_hu)
    texture = smooth_noise(grid, 5, rng) * rng.uniform(*grade.texture_sd_hu)
    _draw_spicules(chest, grid, centre, radius, core_hu, int(rng.integers(0, grade.spicules + 1)), rng)
    target = np.minimum(blob, inside)
    _fill(chest, grid, target, blob, plan.kind, core_hu, texture, rng)
    if plan.kind == "cavity":
        hole = _blob(grid, centre + rng.normal(0, 0.1 * radius, 3), 0.42 * radius, rng)
        paint(chest.image, hole, -940.0, grid.spacing[2])
        target = np.minimum(target, -hole)
    if rng.uniform() < grade.satellite_share:
        target = np.maximum(target, _draw_satellite(chest, grid, centre, radius, core_hu, rng))
    return target


def _shift_to_volume(blob: np.ndarray, inside: np.ndarray, voxels: float, most: float) -> float:
    low, high = -most, most
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if np.count_nonzero((blob + middle > 0) & (inside > 0)) < voxels else (low, middle)
    return (low + high) / 2


def _fill(chest: Chest, grid: Grid, target: np.ndarray, blob: np.ndarray, kind: str, core_hu: float,
          texture: np.ndarray, rng: np.random.Generator) -> None:  # fmt: skip
    edge, depth = grid.spacing[2], float(blob.max())
    if kind in ("part_solid", "ground_glass"):
        veil = np.minimum(target, chest.lungs)
        haze = rng.uniform(-680, -520) + 2 * texture
        share = occupancy(veil, 4 * edge)
        chest.image += np.clip(haze - chest.image, 0, None) * share  # vessels stay visible in ground glass
        if kind == "part_solid":
            paint(chest.image, np.minimum(target, blob - 0.4 * depth), core_hu + texture, edge)
        return
    paint(chest.image, target, core_hu + texture, edge)
    if kind == "necrotic":
        paint(chest.image, np.minimum(target, blob - 0.5 * depth), core_hu - rng.uniform(20, 40) + texture, 4 * edge)


def _draw_spicules(chest: Chest, grid: Grid, centre: np.ndarray, radius: float, hu: float, count: int,
                   rng: np.random.Generator) -> None:  # fmt: skip
    for _ in range(count):
        way = rng.standard_normal(3)
        way /= np.linalg.norm(way)
        tip = centre + way * (radius + rng.uniform(5, 14))
        if sample(chest.lungs, grid, tip[None])[0] > 0:
            paint_tube(chest.image, grid, centre + way * 0.8 * radius, tip, rng.uniform(0.6, 1.1), hu - 60)


def _draw_satellite(chest: Chest, grid: Grid, centre: np.ndarray, radius: float, hu: float, rng: np.random.Generator
                    ) -> np.ndarray:  # fmt: skip
    for _ in range(20):
        way = rng.standard_normal(3)
        at = centre + way / np.linalg.norm(way) * (radius + rng.uniform(6, 12))
        if sample(chest.lungs, grid, at[None])[0] > 4:
            nodule = ellipsoid(grid.axes, tuple(at), (rng.uniform(3, 5),) * 3)
            paint(chest.image, nodule, hu, grid.spacing[2])
            return nodule
    return np.full(grid.shape, OUTSIDE_MM, np.float32)


def draw_confounders(chest: Chest, grid: Grid, grade: Grade, rng: np.random.Generator) -> tuple[str, ...]:
    """Draw granulomas, atelectasis and effusion, none of them labelled; returns the names of what was drawn."""
    drawn = []
    inside = np.argwhere(chest.lungs > 5)
    for _ in range(int(rng.integers(0, grade.granulomas + 1))):
        centre = grid.points(inside[rng.integers(len(inside))][None])[0]
        nodule = ellipsoid(grid.axes, tuple(centre), tuple(rng.uniform(2.5, 5.5) * np.exp(rng.normal(0, 0.1, 3))))
        paint(chest.image, nodule, rng.uniform(60, 420), grid.spacing[2])
        drawn.append("granuloma")
    if rng.uniform() < grade.effusion_share:
        _draw_effusion(chest, grid, rng)
        drawn.append("effusion")
    if rng.uniform() < grade.atelectasis_share:
        _draw_atelectasis(chest, grid, rng)
        drawn.append("atelectasis")
    return tuple(drawn)


def _draw_effusion(chest: Chest, grid: Grid, rng: np.random.Generator) -> None:
    z, y, x = grid.axes
    side = rng.choice([-1, 1])
    level = chest.half_depth * rng.uniform(0.28, 0.5)
    slope = 0.0035 * (x - side * 0.45 * chest.half_width) ** 2  # the meniscus climbs the wall
    top = chest.base + chest.height * rng.uniform(0.35, 0.7)
    fluid = np.minimum(np.minimum(y - level + slope, (top - z) * 0.5), side * x)
    paint(chest.image, np.minimum(fluid, chest.lungs + 1), rng.uniform(4, 22), grid.spacing[2])
    rim = np.minimum(np.minimum(fluid + rng.uniform(4, 9), chest.lungs + 1), -fluid)
    paint(chest.image, rim, chest.tissue_hu, 3 * grid.spacing[2])  # lung pressed flat above the fluid


def _draw_atelectasis(chest: Chest, grid: Grid, rng: np.random.Generator) -> None:
    z, y, x = grid.axes
    side = rng.choice([-1, 1])
    root = chest.hilum(side) + np.array([rng.uniform(-0.25, 0.2) * chest.height, 0, 0])
    turn = rng.uniform(-0.9, 0.9)
    across = -(x - root[2]) * side * np.sin(turn) + (y - root[1]) * np.cos(turn)
    out = (x - root[2]) * side * np.cos(turn) + (y - root[1]) * np.sin(turn)
    thick = rng.uniform(5, 9) + 0.22 * np.clip(out, 0, 60)
    wedge = np.minimum(thick - np.abs(across + 0.35 * (z - root[0])), out)
    wedge = np.minimum(wedge, rng.uniform(35, 80) - np.sqrt(out**2 + (z - root[0]) ** 2))
    wedge = np.minimum(wedge + smooth_noise(grid, 12, rng) * 2, chest.lungs + 1)
    paint(chest.image, wedge, chest.tissue_hu + smooth_noise(grid, 7, rng) * 12, 1.5 * grid.spacing[2])
