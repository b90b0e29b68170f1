"""A parametric chest for the CT phantom: body, lungs, mediastinum, bones, diaphragm and couch.

Arrays are (Z, Y, X) in the axes of `phantom_shapes`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .phantom_grades import Grade
from .phantom_shapes import Grid, ellipsoid, paint, paint_tube, smooth_noise

AIR_HU, FAT_HU = -1000.0, -100.0


@dataclass
class Chest:
    """A chest drawn in HU, with what later steps need to know about it."""

    image: np.ndarray  # (Z, Y, X) float32 HU
    lungs: np.ndarray  # signed distance in mm, positive inside either lung
    half_width: float  # of the body, mm
    half_depth: float
    base: float  # z of the lungs' lowest point, mm
    height: float  # of the lungs, mm
    tissue_hu: float
    lung_hu: float

    def hilum(self, side: int) -> np.ndarray:
        """Root of a lung (z, y, x in mm); side -1 is the patient's right, 1 the left."""
        return np.array([self.base + 0.5 * self.height, 0.04 * self.half_depth, side * 0.2 * self.half_width])


def draw_chest(grid: Grid, grade: Grade, rng: np.random.Generator) -> Chest:
    """Draw everything but vessels and lesions."""
    z_mm, width_mm = grid.shape[0] * grid.spacing[0], grid.shape[2] * grid.spacing[2]
    half_width = min(rng.uniform(150, 175), 0.45 * width_mm)
    chest = Chest(
        image=np.full(grid.shape, AIR_HU, np.float32), lungs=np.empty(0), half_width=half_width,
        half_depth=half_width * rng.uniform(0.64, 0.72), base=-0.5 * z_mm + rng.uniform(0.01, 0.06) * z_mm,
        height=grade.lung_share * z_mm, tissue_hu=rng.uniform(*grade.tissue_hu), lung_hu=rng.uniform(*grade.lung_hu),
    )  # fmt: skip
    _draw_body(chest, grid, rng)
    heart = _heart(chest, grid)
    chest.lungs = _lungs(chest, grid, heart, rng)
    _draw_mediastinum(chest, grid, heart, rng)
    _draw_bones(chest, grid)
    _draw_lungs(chest, grid, rng)
    _draw_trachea(chest, grid)
    return chest


def _draw_body(chest: Chest, grid: Grid, rng: np.random.Generator) -> None:
    axes, edge = grid.axes, grid.spacing[2]
    z, y, x = axes
    a, b = chest.half_width, chest.half_depth
    wobble = smooth_noise(grid, 60, rng) * 1.2
    radius = ((np.abs(x) / a) ** 2.4 + (np.abs(y) / b) ** 2.4) ** (1 / 2.4)
    body = (1 - radius) * np.float32(b) + wobble
    couch = 4 - np.abs(y - (b + 7 - x * x / 2200))
    paint(chest.image, np.minimum(couch, 0.62 * a - np.abs(x)) + 0 * z, -450.0, edge)
    shell = 1.5 - np.abs(y - (b + 26 - x * x / 1400))
    paint(chest.image, np.minimum(shell, 0.8 * a - np.abs(x)) + 0 * z, 150.0, edge)
    paint(chest.image, body, 10.0, edge)  # skin
    paint(chest.image, body - 2.5, FAT_HU, edge)
    muscle = smooth_noise(grid, 14, rng) * 9 + chest.tissue_hu + 8
    paint(chest.image, body - rng.uniform(7, 13) + 1.5 * wobble, muscle, edge)


def _heart(chest: Chest, grid: Grid) -> np.ndarray:
    a, b, h = chest.half_width, chest.half_depth, chest.height
    centre = (chest.base + 0.27 * h, -0.26 * b, 0.17 * a)
    return ellipsoid(grid.axes, centre, (0.32 * h, 0.42 * b, 0.33 * a))


def _lungs(chest: Chest, grid: Grid, heart: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    z, y, x = grid.axes
    a, b, h = chest.half_width, chest.half_depth, chest.height
    t = np.clip((z - chest.base) / h, 0, 1)
    taper = np.sqrt(np.clip(1 - np.clip((t - 0.45) / 0.56, 0, 1) ** 2.4, 0.0, 1)) ** 0.8
    both = np.full(grid.shape, -1e3, np.float32)
    for side in (-1, 1):
        cx, ax, by = 0.47 * a, 0.385 * a, 0.75 * b
        u, v = (x * side - cx * (0.35 + 0.65 * taper)) / (ax * taper + 1), (y - 0.03 * b) / (by * taper + 1)
        radius = (np.abs(u) ** 2.7 + np.abs(v) ** 2.7) ** (1 / 2.7)
        lung = (1 - radius) * (ax * taper)
        dome = chest.base + (0.30 if side < 0 else 0.24) * h * np.clip(1 - u * u - 0.8 * (v + 0.15) ** 2, 0, 1)
        both = np.maximum(both, np.minimum(lung, (z - dome) * 0.8))
    spine = ellipsoid(grid.axes, (0, 0.72 * b, 0), (np.inf, 0.27 * b, 0.15 * a))
    return np.minimum(np.minimum(both, -heart), -spine) + smooth_noise(grid, 26, rng) * 1.6


def _draw_mediastinum(chest: Chest, grid: Grid, heart: np.ndarray, rng: np.random.Generator) -> None:
    z, y, x = grid.axes
    a, b, edge, tissue = chest.half_width, chest.half_depth, grid.spacing[2], chest.tissue_hu
    middle = np.minimum(0.34 * a - np.abs(x), 0.7 * b - np.abs(y + 0.1 * b)) + 0 * z
    below = 0.62 * b - np.sqrt((x * b / a / 1.25) ** 2 + y * y) - np.clip(z - chest.base - 0.3 * chest.height, 0, None)
    organs = tissue + 10 + smooth_noise(grid, 30, rng) * 5
    paint(chest.image, below, organs, edge)
    fat = smooth_noise(grid, 17, rng)
    paint(chest.image, middle, np.where(fat > 0.45, -85.0, tissue).astype(np.float32), edge * 2)
    paint(chest.image, heart, tissue + 6 + smooth_noise(grid, 25, rng) * 6, edge * 1.5)
    top = chest.base + 0.72 * chest.height
    for centre, radius, ceiling in (((0.43 * b, 0.14 * a), 12.0, top), ((-0.3 * b, -0.06 * a), 15.0, top),
                                    ((-0.28 * b, -0.17 * a), 9.0, 1e3)):  # fmt: skip
        tube = ellipsoid(grid.axes, (0, *centre), (np.inf, radius, radius))
        paint(chest.image, np.minimum(tube, ceiling - z), tissue + 8, edge)
    arch_from, arch_to = np.array([top, 0.43 * b, 0.14 * a]), np.array([top, -0.3 * b, -0.06 * a])
    paint_tube(chest.image, grid, arch_from, arch_to, 12.0, tissue + 8)
    for side in (-1, 1):  # nodes and great vessels of the hilum
        for _ in range(5):
            centre = chest.hilum(side) + rng.normal(0, (9, 7, 5))
            paint(chest.image, ellipsoid(grid.axes, tuple(centre), tuple(rng.uniform(6, 11, 3))), tissue + 3, edge)


def _draw_bones(chest: Chest, grid: Grid) -> None:
    z, y, x = grid.axes
    b, edge = chest.half_depth, grid.spacing[2]
    spine = ellipsoid(grid.axes, (0, 0.68 * b, 0), (np.inf, 15.0, 18.0))
    disc = np.abs((z / 24) % 1 - 0.5) * 24 < 3
    paint(chest.image, spine, np.where(disc, 90.0, 330.0).astype(np.float32), edge)
    paint(chest.image, spine - 3, np.where(disc, 80.0, 190.0).astype(np.float32), edge)
    process = np.minimum(4 - np.abs(x), np.minimum(y - 0.68 * b - 26, 0.93 * b - y)) + 0 * z
    paint(chest.image, process, 320.0, edge)
    paint(chest.image, ellipsoid(grid.axes, (0, 0.68 * b + 23, 0), (np.inf, 8.0, 9.0)), 25.0, edge)
    sternum = ellipsoid(grid.axes, (0, -0.84 * b, 0), (np.inf, 6.0, 17.0))
    paint(chest.image, np.minimum(sternum, z - chest.base - 0.25 * chest.height), 240.0, edge)
    _draw_ribs(chest, grid)


def _draw_ribs(chest: Chest, grid: Grid) -> None:
    turn = np.linspace(0.16 * np.pi, 0.93 * np.pi, 16)
    low, high = float(grid.axes[0].min()), float(grid.axes[0].max())
    for level in np.arange(low - 10, high + 70, 22.0):
        drop = level - 50 * (turn - turn[0]) / np.pi  # a rib falls from the spine to the front
        part = np.clip(((drop - chest.base) / chest.height - 0.5) / 0.75, 0, 1)
        taper = np.sqrt(np.clip(1 - part**2, 0.2, 1))
        depth, width = 0.84 * chest.half_depth * np.cos(turn) * taper, 0.885 * chest.half_width * np.sin(turn) * taper
        for side in (-1, 1):
            path = np.stack([drop, depth, side * width], 1)
            for radius, hu in ((5.0, 380.0), (2.4, 190.0)):
                for start, end in zip(path[:-1], path[1:], strict=True):
                    paint_tube(chest.image, grid, start, end, radius, hu)


def _draw_lungs(chest: Chest, grid: Grid, rng: np.random.Generator) -> None:
    y = grid.axes[1]
    hu = chest.lung_hu + 35 * y / chest.half_depth + smooth_noise(grid, 35, rng) * 12 + smooth_noise(grid, 6, rng) * 9
    paint(chest.image, chest.lungs, hu.astype(np.float32), grid.spacing[2])


def _draw_trachea(chest: Chest, grid: Grid) -> None:
    b, carina = chest.half_depth, chest.base + 0.62 * chest.height
    fork, head = np.array([carina, 0.14 * b, 0.0]), np.array([grid.axes[0].max() + 20, 0.16 * b, 0.0])
    ends = [(fork, head, 8.5)] + [(fork, chest.hilum(side), 6.0) for side in (-1, 1)]
    for start, end, radius in ends:
        paint_tube(chest.image, grid, start, end, radius + 1.6, chest.tissue_hu)
    for start, end, radius in ends:
        paint_tube(chest.image, grid, start, end, radius, -980.0)
