"""One patient of the CT phantom as arrays: the chest, its lesions, and what the scanner adds.

The volume is (Z, Y, X) HU; `phantom_dicom` writes it as DICOM.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .phantom_anatomy import AIR_HU, Chest, draw_chest
from .phantom_grades import Grade
from .phantom_lesions import OUTSIDE_MM, TumourPlan, draw_confounders, draw_tumour
from .phantom_shapes import Grid, blur, smooth_noise
from .phantom_vessels import draw_vessels


@dataclass(frozen=True)
class PhantomPatient:
    """A scan and its truth. Fields of signed distances are in mm and positive inside."""

    grid: Grid
    image: np.ndarray  # (Z, Y, X) int16 HU
    target: np.ndarray  # (Z, Y, X) float32, signed distance as the reader drew it
    lungs: np.ndarray  # (Z, Y, X) float32, signed distance
    axes_lps: np.ndarray  # (3, 3) columns: directions of a step along X, Y, Z in DICOM patient coordinates
    origin_lps: np.ndarray  # (3,) mm, centre of voxel [0, 0, 0]
    plan: TumourPlan | None
    facts: dict[str, object]

    @property
    def mask(self) -> np.ndarray:
        """The tumour (Z, Y, X) bool: voxels whose centre is inside the drawn contour."""
        return self.target > 0

    @property
    def target_ml(self) -> float:
        """Volume of `mask`."""
        return float(self.mask.sum() * np.prod(self.grid.spacing) / 1000)


def tumour_plan(grade: Grade, index: int, rng: np.random.Generator) -> TumourPlan | None:
    """The tumour of the patient numbered `index` (from 0); None for one who has none."""
    volume = float(np.exp(rng.uniform(*np.log(grade.tumour_ml))))
    if (index + 1) % grade.no_tumour_every == 0:
        return None
    count = index - (index + 1) // grade.no_tumour_every
    return TumourPlan(grade.sites[count % len(grade.sites)], grade.kinds[count % len(grade.kinds)], volume)


def phantom_patient(
    grade: Grade, index: int, seed: int, *, pixel_mm: float | None = None, thickness_mm: float | None = None,
    without: tuple[str, ...] = (),
) -> PhantomPatient:  # fmt: skip
    """Make the patient numbered `index`.

    Args:
        pixel_mm: in-plane spacing instead of the grade's own; the field of view stays.
        thickness_mm: distance between slices instead of the grade's own.
        without: confounders to leave out, "vessels" or "contact" (tumours then lie free in the lung).
    """
    rng = np.random.default_rng([seed, index])
    grid = _grid(grade, rng, pixel_mm, thickness_mm)
    plan = tumour_plan(grade, index, rng)
    if plan is not None and "contact" in without:
        plan = TumourPlan("free", plan.kind, min(plan.volume_ml, 40.0))
    chest = draw_chest(grid, grade, np.random.default_rng([seed, index, 1]))
    share = float(rng.uniform(*grade.vessel_share))
    tips = 3 if "vessels" in without else grade.vessel_tips
    trees = draw_vessels(chest, grid, share if tips > 3 else 1e-4, tips, np.random.default_rng([seed, index, 2]))
    drawn = draw_confounders(chest, grid, grade, np.random.default_rng([seed, index, 3]))
    lesion = np.random.default_rng([seed, index, 4])
    target = np.full(grid.shape, OUTSIDE_MM, np.float32)
    if plan is not None:
        target = draw_tumour(chest, grid, grade, plan, trees, lesion)
        target = target + smooth_noise(grid, 18, lesion) * np.float32(rng.uniform(*grade.jitter_mm) / 1.4)
    scanner = np.random.default_rng([seed, index, 5])
    image, noise_sd, padding = _scan(chest, grid, grade, scanner)
    axes = _orientation(grade, index, scanner)
    origin = -axes @ (np.array(grid.spacing[::-1]) * (np.array(grid.shape[::-1]) - 1) / 2) + scanner.uniform(-40, 40, 3)
    return PhantomPatient(
        grid, image, target.astype(np.float32), chest.lungs.astype(np.float32), axes, np.round(origin, 3), plan,
        {"noise_sd_hu": noise_sd, "vessel_share": share, "padding_hu": padding, "confounders": drawn},
    )  # fmt: skip


def _grid(grade: Grade, rng: np.random.Generator, pixel_mm: float | None, thickness_mm: float | None) -> Grid:
    field = rng.uniform(*grade.field_mm)
    pixels = int(rng.integers(grade.pixels[0] // 8, grade.pixels[1] // 8 + 1) * 8)
    thickness = round(float(rng.uniform(*grade.thickness_mm)) * 4) / 4
    scan = rng.uniform(*grade.scan_mm)
    if pixel_mm is not None:
        pixels = int(np.ceil(field / pixel_mm / 8) * 8)
    spacing = pixel_mm or round(field / pixels, 4)
    thickness = thickness_mm or thickness
    slices = int(min(grade.max_slices, round(scan / thickness)))
    return Grid((slices, pixels, pixels), (thickness, spacing, spacing))


def _scan(chest: Chest, grid: Grid, grade: Grade, rng: np.random.Generator) -> tuple[np.ndarray, float, int | None]:
    """Kernel, motion, correlated noise, padding and rounding; returns the image, the noise SD in HU and the padding."""
    image = blur(chest.image, grid, rng.uniform(*grade.blur_mm))
    motion = rng.uniform(*grade.motion_mm)
    if motion > 0.5:  # the heart and the bases move most
        z = grid.axes[0]
        moved = ndimage.shift(image, (0, motion / grid.spacing[1], 0), order=1, mode="nearest")
        share = 0.5 * np.clip(1 - (z - chest.base) / (0.6 * chest.height), 0, 1) * (chest.lungs > -25)
        image = image + (moved - image) * share
    noise_sd = float(rng.uniform(*grade.noise_sd_hu))
    padded, padding = rng.uniform() < grade.padding_share, int(rng.choice([-2048, -3024]))
    grain = rng.uniform(*grade.noise_grain_mm) / np.array(grid.spacing[1:])
    noise = ndimage.gaussian_filter(rng.standard_normal(grid.shape, dtype=np.float32), (0, *grain), mode="wrap")
    image = np.maximum(image + noise * (noise_sd / noise.std()), AIR_HU - 24)
    if padded:
        _, y, x = grid.axes
        image = np.where(np.hypot(y, x) + 0 * image > grid.spacing[1] * grid.shape[1] / 2, padding, image)
    return np.rint(image).astype(np.int16), noise_sd, padding if padded else None


def _orientation(grade: Grade, index: int, rng: np.random.Generator) -> np.ndarray:
    if index % grade.oblique_every != grade.oblique_every - 1:
        return np.eye(3)
    a, b, c = np.deg2rad(rng.uniform(5, 12, 3) * rng.choice([-1, 1], 3))
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x
