"""Order the slices of a series along their normal and decide whether they are one regular grid.

Axes are (X, Y, Z) = (column, row, slice) throughout. DICOM patient coordinates are LPS (x to the left, y to the back,
z to the head); NIfTI's are RAS, so the first two rows of an affine change sign between them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .dicom_slice import SliceInfo
from .findings import Findings, some

SAME_POSITION_MM = 0.01
SPACING_TOLERANCE = 0.02  # of the slice distance; written coordinates are rounded
SPACING_TOLERANCE_MM = 0.02
SIDEWAYS_TOLERANCE = 0.25  # of a pixel
SHEAR_TOLERANCE = 0.1  # of a pixel over the whole stack: below it a stack is straight
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Grid:
    """A regular grid of voxels: shape (X, Y, Z) and the affine from voxel index to LPS mm."""

    shape: tuple[int, int, int]
    affine_lps: np.ndarray

    @property
    def affine_ras(self) -> np.ndarray:
        """The affine NIfTI wants: voxel index (X, Y, Z) to RAS mm."""
        return LPS_TO_RAS @ self.affine_lps

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbours along X, Y and Z (along the stack, also when it is sheared)."""
        x, y, z = np.linalg.norm(self.affine_lps[:3, :3], axis=0)
        return float(x), float(y), float(z)

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel in millilitres."""
        return float(abs(np.linalg.det(self.affine_lps[:3, :3]))) / 1000

    @property
    def is_sheared(self) -> bool:
        """Whether the stacking direction leaves the normal of the slices (gantry tilt)."""
        axes = self.affine_lps[:3, :3] / np.linalg.norm(self.affine_lps[:3, :3], axis=0)
        return bool(np.abs(axes.T @ axes - np.eye(3)).max() > 1e-4)


def arrange(slices: Sequence[SliceInfo], findings: Findings) -> tuple[list[SliceInfo], Grid | None]:
    """Sort slices along the normal and build their grid.

    Returns:
        The ordered slices and the grid, or None for the grid with the reasons in ``findings``.
    """
    if len(slices) < 2:
        findings.problem(f"a CT needs at least 2 slices, found {len(slices)} (a localiser, or an unfinished download?)")
        return list(slices), None
    if not _uniform(slices, findings):
        return list(slices), None
    row, column = np.reshape(slices[0].orientation, (2, 3))
    if max(abs(np.linalg.norm(row) - 1), abs(np.linalg.norm(column) - 1), abs(row @ column)) > 1e-3:
        findings.problem(
            f"ImageOrientationPatient must be two unit vectors at a right angle, found {slices[0].orientation}"
        )
        return list(slices), None
    normal = np.cross(row, column)
    ordered = sorted(slices, key=lambda item: float(np.dot(item.position, normal)))
    positions = np.array([item.position for item in ordered])
    if not _even(positions @ normal, findings):
        return ordered, None
    step = _step(positions, normal, min(slices[0].spacing_mm), findings)
    if step is None:
        return ordered, None
    affine = np.eye(4)
    between_rows, between_columns = slices[0].spacing_mm
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = row * between_columns, column * between_rows, step
    affine[:3, 3] = positions[0]
    rows, columns = slices[0].size
    return ordered, Grid((columns, rows, len(ordered)), affine)


def _uniform(slices: Sequence[SliceInfo], findings: Findings) -> bool:
    """Check that all slices share size, pixel spacing and orientation."""
    before = len(findings.problems)
    rules = (
        ("size (rows, columns)", lambda item: item.size, "separate the series"),
        ("pixel spacing in mm", lambda item: tuple(np.round(item.spacing_mm, 3).tolist()), "separate the series"),
        (
            "orientation",
            lambda item: tuple((np.round(item.orientation, 2) + 0.0).tolist()),
            "a localiser or a reformat may be mixed in: take it out",
        ),
    )
    for name, value_of, move in rules:
        values = Counter(value_of(item) for item in slices)
        if len(values) > 1:
            counts = some([f"{value} in {count}" for value, count in values.most_common()])
            findings.problem(f"all slices must have the same {name}, found {counts}; {move}")
    return len(findings.problems) == before


def _even(depths: np.ndarray, findings: Findings) -> bool:
    """Check the distances between neighbouring slices, ``depths`` (Z,) in mm along the normal, ascending."""
    gaps = np.diff(depths)
    same = gaps < SAME_POSITION_MM
    if same.any():
        where = some([f"{depth:.2f}" for depth in depths[:-1][same]])
        findings.problem(
            f"{same.sum()} duplicate slice position(s) with different images, at {where} mm along the normal; "
            "keep one reconstruction or phase per series"
        )
        return False
    step = float(np.median(gaps))
    wrong = np.abs(gaps - step) > max(SPACING_TOLERANCE * step, SPACING_TOLERANCE_MM)
    whole = np.abs(gaps / step - np.round(gaps / step)) < 0.1
    missing = wrong & whole & (gaps > 1.5 * step)
    for gap, depth in zip(gaps[missing], depths[:-1][missing], strict=True):
        findings.problem(
            f"{round(gap / step) - 1} missing slice(s) after {depth:.2f} mm along the normal "
            f"(a gap of {gap:.2f} mm, slices are {step:.2f} mm apart); download the series again"
        )
    uneven = wrong & ~missing
    if uneven.any():
        findings.problem(
            f"slices must be evenly spaced, found distances from {gaps.min():.3f} to {gaps.max():.3f} mm "
            f"(median {step:.3f}, {uneven.sum()} of {len(gaps)} differ); resample the series or leave it out"
        )
    return not wrong.any()


def _step(positions: np.ndarray, normal: np.ndarray, pixel_mm: float, findings: Findings) -> np.ndarray | None:
    """Vector from a slice to the next, (3,) mm; positions (Z, 3)."""
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    residual = positions - (positions[0] + np.arange(len(positions))[:, None] * step)
    sideways = np.linalg.norm(residual - np.outer(residual @ normal, normal), axis=1).max()
    if sideways > SIDEWAYS_TOLERANCE * pixel_mm:
        findings.problem(
            f"the slices are shifted sideways by up to {sideways:.2f} mm against a straight stack; "
            "two acquisitions may be mixed: separate them"
        )
        return None
    distance = float(step @ normal)
    lateral = float(np.linalg.norm(step - distance * normal))
    if lateral * (len(positions) - 1) <= SHEAR_TOLERANCE * pixel_mm:
        return distance * normal
    findings.warning(
        f"gantry tilt: the stack leans by {np.degrees(np.arctan2(lateral, distance)):.2f} degrees against its normal; "
        "kept as a sheared affine (nibabel and MONAI read it, ITK does not)"
    )
    return step
