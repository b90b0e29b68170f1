"""Write one converted case: image, label and a record that says what it was made from.

The image is uncompressed NIfTI (``images/CASE.nii``): it is read in every training run, loads by memory map some
hundred times faster than gzip and takes no more room than the DICOM files. The label (``labels/CASE.nii.gz``) shrinks a
thousandfold. Every file gets its name only when it is complete; the record (``cases/CASE.json``) comes last, and a case
counts as finished when its record fits the source files, the converter version, the pattern and both outputs.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from .case_mask import target_mask
from .case_plan import Case
from .dicom_series import read_volume
from .file_digest import file_digest
from .whole_files import inside, nifti_volume, write_nifti, write_text

FOLDERS = ("images", "labels", "cases")


def finished_item(output: Path, case: Case, settings: dict[str, Any], source: str) -> dict[str, Any] | None:
    """The datalist item of a case that is converted already, or None when anything differs or is damaged."""
    try:
        record = json.loads(inside(output, "cases", f"{case.name}.json").read_text(encoding="utf-8"))
        item = record["item"]
        if record["settings"] != settings or item["sha256"]["source"] != source:
            return None
        for key in ("image", "label"):
            if file_digest(inside(output, item[key])) != item["sha256"][key]:
                return None
        for text in record["warnings"]:
            case.findings.warning(text)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return item


def write_case(output: Path, case: Case, settings: dict[str, Any], source: str, suspect: bool) -> dict[str, Any]:
    """Convert one checked case.

    Args:
        settings: what besides the source decides the output (version, pattern); kept in the record.
        source: digest of the source files.

    Returns:
        The datalist item: paths relative to ``output``, spacing_mm, shape, target_ml and checksums.

    Raises:
        ValueError: the source changed after it was checked.
    """
    mask = target_mask(case, settings["allow_empty"])
    if mask is None:
        raise ValueError(f"{case.name}: the source changed during the conversion ({'; '.join(case.findings.problems)})")
    volume, _ = read_volume(case.series)
    case.findings.take(case.series.findings, f"{case.series.name}: ")
    _look_at_values(volume, case)
    grid = case.series.grid
    image, label = f"images/{case.name}.nii", f"labels/{case.name}.nii.gz"
    item = {
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
    text = json.dumps({"settings": settings, "item": item, "warnings": case.findings.warnings}, indent=1)
    write_text(inside(output, "cases", f"{case.name}.json"), text)
    return item


def _look_at_values(volume: np.ndarray, case: Case) -> None:
    lowest, highest = int(volume.min()), int(volume.max())
    if lowest == highest:
        case.findings.warning(f"every voxel has the value {lowest}: the CT is blank")
    elif lowest > -500:
        case.findings.warning(f"the lowest value is {lowest}, but air is -1000 HU: these may be no Hounsfield units")
