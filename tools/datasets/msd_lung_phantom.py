"""The chest CT phantom in the raw form of MSD Task06_Lung, so that a demo goes through the converter of real data.

Every volume says "MONAI bundle phantom" in its header's description.
"""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
from tqdm import tqdm

from .phantom_folder import check_phantom_arguments, phantom_folder
from .phantom_grades import Grade, grade_named
from .phantom_mark import PHANTOM_MARK
from .phantom_patient import PhantomPatient, phantom_patient
from .slice_geometry import LPS_TO_RAS
from .whole_files import nifti_volume

AXES = ("LAS", "LPS", "RAS", "LAS")  # how volumes are stored, in turn
# what macOS leaves beside every file of the real release: an AppleDouble header without content
MACOS_FILE = bytes.fromhex("00051607000200004d6163204f53205820202020202020200002") + bytes(150)


def write_phantom(
    folder: Path, *, patients: int = 6, grade: str = "easy", seed: int = 0, pixel_mm: float | None = None,
    thickness_mm: float | None = None, unlabelled: int | None = None, quiet: bool = False,
) -> Path:  # fmt: skip
    """Write `patients` synthetic scans with label as NIfTI, lung_001 and so on, with dataset.json; all or nothing.

    Images are in `imagesTr`, their masks in `labelsTr`, scans without label in `imagesTs`. The anatomy is that of
    `nsclc_phantom`: the patient of a number, grade and seed is the same in both. The same arguments give the same
    bytes.

    Args:
        folder: the Task06_Lung folder to write; must not exist yet or be empty.
        grade: "easy" (small, for the demo and the tests) or "hard" (for benchmarks).
        pixel_mm: in-plane spacing instead of the grade's own.
        thickness_mm: distance between slices instead of the grade's own.
        unlabelled: number of further scans for `imagesTs`. Default: one for every six patients.
        quiet: no progress bar; there is one on a terminal only.

    Returns:
        `folder`.

    Raises:
        ValueError: too few patients, an unknown grade, or a spacing that is not positive.
        FileExistsError: `folder` holds something already.
    """
    chosen, folder = grade_named(grade), Path(folder)
    check_phantom_arguments(patients, pixel_mm, thickness_mm)
    more = patients // 6 if unlabelled is None else unlabelled
    if more < 0:
        raise ValueError(f"unlabelled must be 0 or more, got {more}")
    names = [f"lung_{index + 1:03d}.nii.gz" for index in range(patients + more)]
    with phantom_folder(folder) as draft:
        for name in ("imagesTr", "labelsTr", "imagesTs"):
            (draft / name).mkdir()
        for index, name in enumerate(tqdm(names, desc="writing", unit="scan", disable=quiet or None)):
            patient = phantom_patient(chosen, index, seed, pixel_mm=pixel_mm, thickness_mm=thickness_mm)
            _write_patient(draft, name, patient, index, with_label=index < patients)
        (draft / "dataset.json").write_text(_dataset_json(names[:patients], names[patients:], chosen), encoding="utf-8")
    return folder


def _write_patient(root: Path, name: str, patient: PhantomPatient, index: int, with_label: bool) -> None:
    axes = AXES[index % len(AXES)]
    volumes = {"imagesTr" if with_label else "imagesTs": patient.image}
    if with_label:
        volumes["labelsTr"] = patient.mask.astype(np.uint8)
    for folder, volume in volumes.items():
        nibabel.save(_nifti(volume, patient, axes), root / folder / name)
        (root / folder / f"._{name}").write_bytes(MACOS_FILE)


def _nifti(volume: np.ndarray, patient: PhantomPatient, axes: str) -> nibabel.Nifti1Image:
    """A volume (Z, Y, X) stored along `axes`, the nearest to them for an oblique patient; its place stays."""
    affine = np.eye(4)
    affine[:3, :3] = patient.axes_lps * np.array(patient.grid.spacing[::-1])
    affine[:3, 3] = patient.origin_lps
    affine = LPS_TO_RAS @ affine
    wanted = nibabel.orientations.axcodes2ornt(axes)
    turn = nibabel.orientations.ornt_transform(nibabel.io_orientation(affine), wanted)
    array = volume.transpose(2, 1, 0)
    turned = nibabel.orientations.apply_orientation(array, turn)
    image = nifti_volume(turned, affine @ nibabel.orientations.inv_ornt_aff(turn, array.shape))
    image.header["descrip"] = PHANTOM_MARK
    return image


def _dataset_json(training: list[str], test: list[str], grade: Grade) -> str:
    facts = {
        "name": "Lung",
        "description": f"{PHANTOM_MARK}, grade {grade.name}: synthetic chests with a tumour",
        "reference": "none: made by a program",
        "licence": "Apache-2.0",
        "release": "1.0",
        "tensorImageSize": "3D",
        "modality": {"0": "CT"},
        "labels": {"0": "background", "1": "cancer"},
        "numTraining": len(training),
        "numTest": len(test),
        "training": [{"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in training],
        "test": [f"./imagesTs/{name}" for name in test],
    }
    return json.dumps(facts, indent=1) + "\n"
