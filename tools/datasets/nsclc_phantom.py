"""A synthetic chest CT set in the raw form of NSCLC-Radiomics, so that a demo goes through the converter of real data.

Every file says "MONAI bundle phantom" in Manufacturer.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tqdm import tqdm

from .phantom_dicom import ct_datasets, rtstruct_dataset, save, stable_uid
from .phantom_folder import check_phantom_arguments, phantom_folder
from .phantom_grades import Grade, grade_named
from .phantom_lesions import OUTSIDE_MM
from .phantom_patient import PhantomPatient, phantom_patient

SEG_EVERY = 6  # one patient in so many, the fourth first, comes with a SEG instead of an RTSTRUCT


def write_phantom(
    folder: Path, *, patients: int = 6, grade: str = "easy", seed: int = 0, pixel_mm: float | None = None,
    thickness_mm: float | None = None, quiet: bool = False,
) -> Path:  # fmt: skip
    """Write `patients` synthetic scans as DICOM folders, PHANTOM-001 and so on; all or nothing.

    Each patient has a CT series, its files in no order, and an RTSTRUCT or a SEG with "GTV-1" and the lungs. The same
    arguments give the same bytes. A patient without a tumour has a ROI "GTV-1" without contours.

    Args:
        folder: where to write; must not exist yet or be empty.
        grade: "easy" (small, for the demo and the tests) or "hard" (for benchmarks).
        pixel_mm: in-plane spacing instead of the grade's own.
        thickness_mm: distance between slices instead of the grade's own.
        quiet: no progress bar; there is one on a terminal only.

    Returns:
        `folder`.

    Raises:
        ValueError: too few patients, an unknown grade, or a spacing that is not positive.
        FileExistsError: `folder` holds something already.
    """
    chosen, folder = grade_named(grade), Path(folder)
    check_phantom_arguments(patients, pixel_mm, thickness_mm)
    with phantom_folder(folder) as draft:
        for index in tqdm(range(patients), desc="writing", unit="patient", disable=quiet or None):
            _write_patient(draft, chosen, index, seed, pixel_mm, thickness_mm)
    return folder


def _write_patient(
    root: Path, grade: Grade, index: int, seed: int, pixel_mm: float | None, thickness_mm: float | None
) -> None:
    patient_id, key = f"PHANTOM-{index + 1:03d}", f"{grade.name}-{seed}"
    patient = phantom_patient(grade, index, seed, pixel_mm=pixel_mm, thickness_mm=thickness_mm)
    ct = ct_datasets(patient, patient_id, key)
    study = root / patient_id / f"01-01-2000-Thorax-{stable_uid(key, patient_id)[-5:]}"
    ct_folder = study / f"1.000000-CT-{ct[0].SeriesInstanceUID[-5:]}"
    ct_folder.mkdir(parents=True)
    order = np.random.default_rng([seed, index, 6]).permutation(len(ct))  # file names say nothing of the position
    for name, number in enumerate(order, 1):
        save(ct[number], ct_folder / f"1-{name:03d}.dcm")
    _write_outline(study, patient, patient_id, key, ct, as_seg=index % SEG_EVERY == 3)


def _write_outline(study: Path, patient: PhantomPatient, patient_id: str, key: str, ct: list, *, as_seg: bool) -> None:
    x = patient.grid.axes[2]
    free = np.where(patient.mask, np.float32(OUTSIDE_MM), patient.lungs)
    sides = {"Lung-Right": np.minimum(free, -x), "Lung-Left": np.minimum(free, x)}
    if as_seg and patient.mask.any():
        from .phantom_seg import seg_dataset  # highdicom is slow to import

        target = study / "300.000000-Segmentation-00001"
        target.mkdir()
        masks = {"GTV-1": patient.mask, **{name: distance > 0 for name, distance in sides.items()}}
        save(seg_dataset(ct, patient_id, key, masks), target / "1-1.dcm")
        return
    target = study / "3.000000-RTSTRUCT-00001"
    target.mkdir()
    rois = {"Lung-Right": sides["Lung-Right"], "GTV-1": patient.target, "Lung-Left": sides["Lung-Left"]}
    save(rtstruct_dataset(patient, patient_id, key, ct, rois), target / "1-1.dcm")
