"""Chest-like volumes on awkward grids, and where a DICOM series lies."""

from pathlib import Path

import nibabel
import numpy as np
import pydicom


def rotation(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def grid(directions: np.ndarray, spacing: tuple[float, float, float], origin: tuple[float, float, float]) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = directions @ np.diag(spacing)
    affine[:3, 3] = origin
    return affine


# rotations, permutations and flips; no shear, which MONAI Label cannot keep (it writes through ITK)
GRIDS = {
    "plain": grid(np.eye(3), (3.5, 3.5, 6.0), (-100, -90, -60)),
    "oblique": grid(rotation(20) @ np.diag([-1, -1, 1]), (3.4, 3.2, 6.2), (120, 110, -80)),
    "permuted": grid(np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]]), (3.5, 6.0, 3.5), (-90, 100, 120)),
    "flipped": grid(np.diag([1, -1, -1]), (3.0, 3.6, 7.0), (-95, 105, 90)),
    "oblique_again": grid(rotation(-35), (3.3, 3.3, 5.0), (-60, -140, 10)),
}
LABELLED = ("plain", "oblique", "permuted")
RADII = np.array([75.0, 60.0, 200.0])  # mm


def write_studies(folder: Path) -> Path:
    """A folder of studies for MONAI Label: five volumes, three of them with a final label."""
    labels = folder / "labels" / "final"
    labels.mkdir(parents=True)
    for number, (name, affine) in enumerate(GRIDS.items()):
        volume, label = chest(affine, number)
        nibabel.save(nibabel.Nifti1Image(volume, affine), folder / f"{name}.nii.gz")
        if name in LABELLED:
            nibabel.save(nibabel.Nifti1Image(label, affine), labels / f"{name}.nii.gz")
    return folder


def chest(affine: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """An ellipse of tissue with two lungs and a lesion, HU and mask, drawn in millimetres."""
    shape = tuple(int(round(extent / step)) for extent, step in zip(extents(affine), steps(affine), strict=True))
    middle = affine @ [*(np.array(shape) / 2), 1]
    index = np.stack([*np.indices(shape), np.ones(shape)], axis=-1)
    where = (index @ affine.T)[..., :3] - middle[:3]
    volume = np.random.default_rng(seed).normal(-1000, 15, shape)
    volume[((where / RADII) ** 2).sum(-1) < 1] += 1040
    for side in (-1, 1):
        lung = (((where - [side * 32, 0, 0]) / [25, 38, 150]) ** 2).sum(-1) < 1
        volume[lung] -= 840
    lesion = ((where - [30, 8, 0]) ** 2).sum(-1) < 16**2
    volume[lesion] = 35
    return volume.astype(np.int16), lesion.astype(np.uint8)


def steps(affine: np.ndarray) -> np.ndarray:
    return np.linalg.norm(affine[:3, :3], axis=0)


def extents(affine: np.ndarray) -> np.ndarray:
    """Millimetres along each voxel axis: 190 across the body, 90 along it."""
    along = np.abs(affine[2, :3]).argmax()
    return np.where(np.arange(3) == along, 90.0, 190.0)


def series_grid(folder: Path) -> tuple[tuple[int, ...], np.ndarray]:
    """Shape (columns, rows, slices) and affine to RAS mm of a CT series, from its tags alone."""
    items = [pydicom.dcmread(path, stop_before_pixels=True) for path in folder.iterdir()]
    along_row, along_column = np.reshape(np.array(items[0].ImageOrientationPatient, float), (2, 3))
    normal = np.cross(along_row, along_column)
    positions = sorted((np.array(item.ImagePositionPatient, float) for item in items), key=lambda p: p @ normal)
    between_rows, between_columns = (float(value) for value in items[0].PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = along_row * between_columns, along_column * between_rows
    affine[:3, 2] = (positions[-1] - positions[0]) / (len(items) - 1)
    affine[:3, 3] = positions[0]
    return (items[0].Columns, items[0].Rows, len(items)), np.diag([-1, -1, 1, 1]) @ affine
