"""Write one converted case: image, label and a record that says what it was made from.

The image is uncompressed NIfTI (``images/CASE.nii``): it is read in every training run, loads by memory map some
hundred times faster than gzip and takes no more room than the DICOM files. The label (``labels/CASE.nii.gz``) shrinks a
thousandfold. Every file gets its name only when it is complete; the record (``cases/CASE.json``) comes last, and a case
counts as finished when its record fits the source files, the converter version, the pattern and both outputs.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from .case_mask import target_mask
from .case_plan import Case
from .dicom_series import read_volume
from .slice_geometry import Grid

FOLDERS = ("images", "labels", "cases")
PARTIAL = ".partial-"


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def source_digest(files: Sequence[Path]) -> str:
    """One SHA-256 for a set of files, whatever their names and order."""
    return hashlib.sha256("".join(sorted(file_digest(path) for path in files)).encode()).hexdigest()


def finished_item(output: Path, case: Case, settings: dict[str, Any], source: str) -> dict[str, Any] | None:
    """The datalist item of a case that is converted already, or None when anything differs or is damaged."""
    try:
        record = json.loads(_inside(output, "cases", f"{case.name}.json").read_text(encoding="utf-8"))
        item = record["item"]
        if record["settings"] != settings or item["sha256"]["source"] != source:
            return None
        for key in ("image", "label"):
            if file_digest(_inside(output, item[key])) != item["sha256"][key]:
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
            "image": _save_nifti(output, image, volume, grid),
            "label": _save_nifti(output, label, mask, grid),
        },
    }
    text = json.dumps({"settings": settings, "item": item, "warnings": case.findings.warnings}, indent=1)
    write_text(_inside(output, "cases", f"{case.name}.json"), text)
    return item


def write_text(path: Path, text: str) -> None:
    """Write a text file so that it is either the old one or the new one, whole."""
    partial = path.with_name(f"{PARTIAL}{os.getpid()}-{path.name}")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def clear_partial(output: Path) -> None:
    """Remove what a killed run left half-written."""
    for folder in FOLDERS:
        for path in (output / folder).glob(f"{PARTIAL}*"):
            path.unlink(missing_ok=True)


def _look_at_values(volume: np.ndarray, case: Case) -> None:
    lowest, highest = int(volume.min()), int(volume.max())
    if lowest == highest:
        case.findings.warning(f"every voxel has the value {lowest}: the CT is blank")
    elif lowest > -500:
        case.findings.warning(f"the lowest value is {lowest}, but air is -1000 HU: these may be no Hounsfield units")


def _save_nifti(output: Path, name: str, array: np.ndarray, grid: Grid) -> str:
    """Write an array (X, Y, Z) with the grid's affine; returns the file's SHA-256."""
    path = _inside(output, name)
    image = nibabel.Nifti1Image(array, grid.affine_ras)
    image.header.set_xyzt_units("mm")
    image.set_sform(grid.affine_ras, code=1)
    image.set_qform(None if grid.is_sheared else grid.affine_ras, code=0 if grid.is_sheared else 1)
    partial = path.with_name(f"{PARTIAL}{os.getpid()}-{path.name}")
    try:
        nibabel.save(image, partial)
        digest = file_digest(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return digest


def _inside(output: Path, *parts: str) -> Path:
    """A path below ``output``; its folder is made."""
    path = output.joinpath(*parts)
    if not path.resolve().is_relative_to(output.resolve()):
        raise ValueError(f"a case must stay inside {output}, got {'/'.join(parts)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
