"""The target of a planned case as a mask on its CT, from the outline that was chosen and compared with any other."""

import numpy as np
import pydicom

from . import dicom_seg, rtstruct
from .case_plan import Case, Outline
from .findings import Findings, some

AGREEMENT = 0.95  # Dice between two outlines of one target below which the user is told


def target_mask(case: Case, allow_empty: bool = False) -> np.ndarray | None:
    """Mask of the case's target on the CT's grid, uint8 (X, Y, Z); None with the reasons in its findings.

    An empty mask is a problem unless ``allow_empty``, or the case is a phantom: there a target without contours means
    a patient without a tumour.
    """
    mask = _mask(case.outlines[0], case, case.findings)
    if mask is None:
        return None
    if not mask.any():
        name = case.outlines[0].name
        if not (allow_empty or case.is_phantom):
            case.findings.problem(
                f"'{name}' has no contour or voxel; if the patient truly has no tumour, pass --allow-empty"
            )
            return None
        case.findings.warning(f"'{name}' is empty: kept as a patient without target")
    for outline in case.outlines[1:]:
        _compare(mask, outline, case)
    return mask


def _mask(outline: Outline, case: Case, findings: Findings) -> np.ndarray | None:
    dataset = pydicom.dcmread(outline.path)
    if outline.modality == "SEG":
        return dicom_seg.seg_mask(dataset, case.series, outline.number, findings)
    drawn_on = rtstruct.referenced_slices(dataset, case.series.uid)
    missing = drawn_on - {item.sop_uid for item in case.series.slices}
    if missing:
        findings.warning(
            f"the structure set was drawn on {len(drawn_on)} slices, {len(missing)} of them are not here: the CT may "
            "be incomplete"
        )
    return rtstruct.rtstruct_mask(dataset, case.series, outline.number, findings)


def _compare(mask: np.ndarray, outline: Outline, case: Case) -> None:
    """Tell when a further outline of the same target disagrees with the one that is used."""
    found = Findings()
    other = _mask(outline, case, found)
    if other is None:
        case.findings.warning(f"the {outline.modality} beside it could not be compared ({some(found.problems)})")
        return
    total = int(mask.sum()) + int(other.sum())
    dice = 2 * int((mask & other).sum()) / total if total else 1.0
    if dice < AGREEMENT:
        case.findings.warning(
            f"{case.outlines[0].modality} '{case.outlines[0].name}' and {outline.modality} '{outline.name}' agree "
            f"with a Dice of only {dice:.3f} (below {AGREEMENT}); the {case.outlines[0].modality} is used: look at both"
        )
