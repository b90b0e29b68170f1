"""Write the image and the label of one case, see ``case_record`` for what says that it is finished.

The image is uncompressed NIfTI (``images/CASE.nii``): it is read in every training run, loads by memory map some
hundred times faster than gzip and takes no more room than the DICOM files. The label (``labels/CASE.nii.gz``) shrinks a
thousandfold.
"""

from pathlib import Path
from typing import Any

import numpy as np

from .case_mask import target_mask
from .case_plan import Case
from .dicom_series import read_volume
from .whole_files import nifti_volume, write_nifti


def write_case(output: Path, case: Case, source: str, suspect: bool, allow_empty: bool) -> dict[str, Any]:
    """Convert one checked case.

    Args:
        source: digest of the source files.
        suspect: whether public lists name the patient.
        allow_empty: see ``target_mask``.

    Returns:
        The datalist item: paths relative to ``output``, spacing_mm, shape, target_ml and checksums.

    Raises:
        ValueError: the source changed after it was checked.
    """
    mask = target_mask(case, allow_empty)
    if mask is None:
        raise ValueError(f"{case.name}: the source changed during the conversion ({'; '.join(case.findings.problems)})")
    volume, _ = read_volume(case.series)
    case.findings.take(case.series.findings, f"{case.series.name}: ")
    _look_at_values(volume, case)
    grid = case.series.grid
    image, label = f"images/{case.name}.nii", f"labels/{case.name}.nii.gz"
    return {
        "image": image,
        "label": label,
        "patient": case.patient,
        "phantom": case.is_phantom,
        "suspect": suspect,
        "spacing_mm": [round(value, 6) for value in grid.spacing_mm],
        "shape": list(grid.shape),
        "target_ml": round(float(mask.sum()) * grid.voxel_ml, 6),
        "target_slices": int(mask.any(axis=(0, 1)).sum()),
        "outline": case.outlines[0].modality,
        "sha256": {
            "source": source,
            "image": write_nifti(output, image, nifti_volume(volume, grid.affine_ras, grid.is_sheared)),
            "label": write_nifti(output, label, nifti_volume(mask, grid.affine_ras, grid.is_sheared)),
        },
    }


def _look_at_values(volume: np.ndarray, case: Case) -> None:
    lowest, highest = int(volume.min()), int(volume.max())
    if lowest == highest:
        case.findings.warning(f"every voxel has the value {lowest}: the CT is blank")
    elif lowest > -500:
        case.findings.warning(f"the lowest value is {lowest}, but air is -1000 HU: these may be no Hounsfield units")
