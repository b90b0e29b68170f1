"""DICOM RT structure sets: closed planar contours to a mask on the grid of a CT.

``contour_planes`` fills them.
"""

import re

import numpy as np
from pydicom.dataset import Dataset

from .contour_planes import Ring, fill_planes
from .dicom_series import Series
from .findings import Findings
from .slice_geometry import Grid

CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")


def roi_names(dataset: Dataset) -> dict[int, str]:
    """ROI number to name, in the order of the file."""
    return {int(roi.ROINumber): str(roi.get("ROIName") or "") for roi in dataset.get("StructureSetROISequence", [])}


def find_roi(dataset: Dataset, pattern: str) -> list[int]:
    """Numbers of the ROIs whose name matches the regular expression."""
    return [number for number, name in roi_names(dataset).items() if re.search(pattern, name.strip())]


def referenced_series(dataset: Dataset) -> list[str]:
    """SeriesInstanceUIDs the structure set says it was drawn on."""
    return [
        str(series.SeriesInstanceUID)
        for frame in dataset.get("ReferencedFrameOfReferenceSequence", [])
        for study in frame.get("RTReferencedStudySequence", [])
        for series in study.get("RTReferencedSeriesSequence", [])
        if "SeriesInstanceUID" in series
    ]


def referenced_slices(dataset: Dataset, series_uid: str) -> set[str]:
    """SOPInstanceUIDs of one series that the structure set lists as the images it was drawn on."""
    return {
        str(image.ReferencedSOPInstanceUID)
        for frame in dataset.get("ReferencedFrameOfReferenceSequence", [])
        for study in frame.get("RTReferencedStudySequence", [])
        for series in study.get("RTReferencedSeriesSequence", [])
        if str(series.get("SeriesInstanceUID")) == series_uid
        for image in series.get("ContourImageSequence", [])
        if "ReferencedSOPInstanceUID" in image
    }


def frame_of_reference(dataset: Dataset, number: int | None = None) -> str:
    """FrameOfReferenceUID of a ROI (or of the first of the set), empty when the file names none."""
    for roi in dataset.get("StructureSetROISequence", []):
        if number in (None, int(roi.ROINumber)) and roi.get("ReferencedFrameOfReferenceUID"):
            return str(roi.ReferencedFrameOfReferenceUID)
    frames = dataset.get("ReferencedFrameOfReferenceSequence", [])
    return str(frames[0].get("FrameOfReferenceUID") or "") if frames else ""


def rtstruct_mask(dataset: Dataset, series: Series, number: int, findings: Findings) -> np.ndarray | None:
    """Mask of one ROI on the grid of ``series``.

    Returns:
        uint8 (X, Y, Z) of 0 and 1, or None with the reasons in ``findings``. A ROI without contours gives an empty
        mask and no reason: whether that is allowed is the caller's to say.
    """
    name = roi_names(dataset).get(number, "")
    frame = frame_of_reference(dataset, number)
    if frame and series.frame_of_reference and frame != series.frame_of_reference:
        findings.problem(
            f"ROI '{name}' must lie in the CT's FrameOfReferenceUID ...{series.frame_of_reference[-12:]}, "
            f"found ...{frame[-12:]}; it was drawn on another scan or needs a registration: leave it out or repair it"
        )
        return None
    if "ROIContourSequence" not in dataset:
        findings.problem("the structure set has no ROIContourSequence (truncated file?); download it again")
        return None
    contours = [
        contour
        for roi in dataset.get("ROIContourSequence", [])
        if int(roi.get("ReferencedROINumber", -1)) == number
        for contour in roi.get("ContourSequence") or []
    ]
    before = len(findings.problems)
    rings = _rings(contours, series.grid, name, findings)
    if len(findings.problems) > before:
        return None
    mask = fill_planes(rings, series.grid, name, findings)
    if contours and not mask.any() and len(findings.problems) == before:
        findings.problem(f"ROI '{name}' has {len(contours)} contour(s) but no voxel centre of the CT is inside them")
    return mask if len(findings.problems) == before else None


def _rings(contours: list[Dataset], grid: Grid, name: str, findings: Findings) -> list[Ring]:
    """Closed contours in voxel coordinates; everything else is reported."""
    to_voxel = np.linalg.inv(grid.affine_lps)
    rings, other, few = [], 0, 0
    for contour in contours:
        kind = str(contour.get("ContourGeometricType") or "")
        numbers = np.atleast_1d(np.asarray(contour.get("ContourData") or [], dtype=float))
        if kind not in CLOSED:
            other += 1
        elif len(numbers) % 3 or not np.isfinite(numbers).all():
            findings.problem(
                f"ROI '{name}': ContourData must be finite x, y, z triples, found {len(numbers)} numbers; export again"
            )
        elif len(numbers) < 9:
            few += 1
        else:
            voxels = numbers.reshape(-1, 3) @ to_voxel[:3, :3].T + to_voxel[:3, 3]
            height = float(voxels[:, 2].mean())
            if np.ptp(voxels[:, 2]) > 0.5:
                findings.problem(
                    f"ROI '{name}': contours must be parallel to the CT's slices, found one that spans "
                    f"{np.ptp(voxels[:, 2]):.1f} slices; it was drawn in another plane: resample it there"
                )
            else:
                rings.append(Ring(voxels[:, :2], height, kind == "CLOSEDPLANAR_XOR"))
    if other:
        findings.warning(f"ROI '{name}': {other} contour(s) are points or open lines and enclose nothing: left out")
    if few:
        findings.warning(f"ROI '{name}': {few} contour(s) have fewer than 3 points and enclose nothing: left out")
    return rings
