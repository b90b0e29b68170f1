"""Read the volumes of a case once and decide whether they are a chest CT and its mask."""

from pathlib import Path
from typing import Any

from ..transforms.grid_distance import SAME_GRID_MM, grid_distance
from .findings import Findings, some
from .msd_lung_folder import MsdCase
from .nifti_pass import NiftiFacts, read_facts

AIR_HU = -500  # a chest CT has lower values: lung is near -850, air at -1000
TISSUE_HU = -100  # and higher ones
SPACING_MM = (0.1, 50.0)
MAX_LABEL_VALUES = 64


def check_case(root: Path, case: MsdCase, allow_empty: bool) -> dict[str, Any] | None:
    """Read a case, note every problem in its findings, and return its datalist item when there is none."""
    image = _read(root, case.image, "image", case.findings)
    label = _read(root, case.label, "label", case.findings)
    if image:
        _check_image(image, case.findings)
    if label:
        _check_label(label, case.findings)
    if image and label:
        _check_pair(image, label, case.findings)
    if image and label and not label.voxels_per_slice.any() and not case.findings.problems:
        if not (allow_empty or image.is_phantom):
            case.findings.problem("the label is empty; if the patient truly has no tumour, pass --allow-empty")
        else:
            case.findings.warning("the label is empty: kept as a patient without target")
    if case.findings.problems or image is None:
        return None
    return _item(case, image, label)


def _read(root: Path, name: str, key: str, findings: Findings) -> NiftiFacts | None:
    if not name:
        return None
    try:
        return read_facts(root / name, MAX_LABEL_VALUES if key == "label" else 0)
    except ValueError as error:
        findings.problem(f"the {key} {name} {error}")
        return None


def _check_image(facts: NiftiFacts, findings: Findings) -> None:
    low, high = facts.low, facts.high
    spacing = some([f"{value:.4g}" for value in facts.spacing_mm])
    if not all(SPACING_MM[0] <= value <= SPACING_MM[1] for value in facts.spacing_mm):
        findings.problem(
            f"voxels must be {SPACING_MM[0]:g} to {SPACING_MM[1]:g} mm apart, the image's header says {spacing}; "
            "it may be written in other units: export it again"
        )
    if facts.nonfinite:
        findings.problem(f"the image has {facts.nonfinite} voxels that are NaN or infinite; export it again")
    if not facts.is_placed:
        findings.warning(
            "the image's header does not say how the patient lies (qform_code and sform_code are 0): the first axis is "
            "taken to run to the left, the second to the front, the third to the head"
        )
    if low > high:
        return
    if low == high:
        findings.problem(f"every voxel of the image has the value {low:g}: it is blank; copy it again or leave it out")
    elif low > AIR_HU:
        findings.problem(
            f"the image's values go from {low:g} to {high:g}, but air in a CT is -1000 HU: these are no Hounsfield "
            "units (a mask, a picture, or values shifted or scaled?); export it in Hounsfield units"
        )
    elif high < TISSUE_HU:
        findings.problem(f"the image's values go from {low:g} to {high:g} HU: there is no tissue in it; copy it again")


def _check_label(facts: NiftiFacts, findings: Findings) -> None:
    if facts.nonfinite:
        findings.problem(f"the label has {facts.nonfinite} voxels that are NaN or infinite; export it again")
    strange = {value: count for value, count in facts.values.items() if value not in (0, 1)}
    if strange:
        values = some([f"{value:g}" for value in sorted(strange)])
        findings.problem(
            f"the label may hold only 0 and 1, found {values} in {sum(strange.values())} voxels; write the mask of the "
            "tumour with 1"
        )
    elif not facts.values and facts.low <= facts.high:
        findings.problem(
            f"the label may hold only 0 and 1, found more than {MAX_LABEL_VALUES} values from {facts.low:g} to "
            f"{facts.high:g}; is it an image?"
        )


def _check_pair(image: NiftiFacts, label: NiftiFacts, findings: Findings) -> None:
    if image.shape != label.shape:
        findings.problem(
            f"image and label must have one shape, found {image.shape} and {label.shape}; take the label that was "
            "drawn on this image"
        )
        return
    apart = grid_distance(image.affine, label.affine, image.shape)
    if apart > SAME_GRID_MM:
        findings.problem(
            f"image and label must lie on one grid, but their affines place a corner {apart:.2f} mm apart; save the "
            "label with the affine of its image"
        )


def _item(case: MsdCase, image: NiftiFacts, label: NiftiFacts | None) -> dict[str, Any]:
    item: dict[str, Any] = {
        "image": case.image,
        "patient": case.name,
        "phantom": image.is_phantom,
        "spacing_mm": [round(value, 6) for value in image.spacing_mm],
        "shape": list(image.shape),
        "sha256": {"image": image.sha256},
    }
    if label is None:
        return item
    item["label"] = case.label
    item["target_ml"] = round(float(label.voxels_per_slice.sum()) * label.voxel_ml, 6)
    item["target_slices"] = int((label.voxels_per_slice > 0).sum())
    item["sha256"]["label"] = label.sha256
    return item
