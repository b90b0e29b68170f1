"""DICOM RT structure sets: closed planar contours to a mask on the grid of a CT.

The rules are those of ``contour_fill`` within a slice. Across slices: a contour belongs to the slice whose plane is
nearest, at most half a slice distance away; contours beyond the stack are reported and left out, slices without a
contour between others are reported and stay empty. Several contour planes that are nearest to the same slice are not
merged (a smaller one would look like a hole): the nearest plane is taken, the others reported.
"""

import re
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from .contour_fill import fill_polygon, fill_rings
from .dicom_series import Series
from .findings import Findings, some
from .slice_geometry import Grid

SAME_PLANE = 0.05  # of the slice distance
OFF_SLICE = 0.1  # of the slice distance: farther from the nearest slice is told
CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")


@dataclass(frozen=True)
class Ring:
    """A closed contour in voxel coordinates: points (N, 2) = (X, Y), and its height in slices."""

    points: np.ndarray
    height: float
    exclusive: bool


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
    mask = _fill(rings, series.grid, name, findings)
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


def _fill(rings: list[Ring], grid: Grid, name: str, findings: Findings) -> np.ndarray:
    mask = np.zeros(grid.shape, dtype=np.uint8, order="F")
    planes = _assign(rings, grid, name, findings)
    overlaps = duplicates = 0
    for index, plane in planes.items():
        if any(ring.exclusive for ring in plane):
            for ring in plane:
                mask[:, :, index] ^= fill_polygon(mask[:, :, index], ring.points)
            continue
        filled, overlapping, repeated = fill_rings(grid.shape[:2], [ring.points for ring in plane])
        mask[:, :, index] = filled
        overlaps += overlapping
        duplicates += repeated
    if overlaps:
        findings.warning(f"ROI '{name}': {overlaps} pair(s) of contours in one slice overlap in part: joined")
    if duplicates:
        findings.warning(f"ROI '{name}': {duplicates} contour(s) are drawn twice: counted once")
    outside = sum((ring.points < -0.5).any() or (ring.points > np.array(grid.shape[:2]) - 0.5).any() for ring in rings)
    if outside:
        findings.warning(f"ROI '{name}': {outside} contour(s) leave the image in plane: cut at its border")
    return mask


def _assign(rings: list[Ring], grid: Grid, name: str, findings: Findings) -> dict[int, list[Ring]]:
    """Slice index to the rings of the plane nearest to it."""
    depth, spacing = grid.shape[2], grid.spacing_mm[2]
    beyond = [ring for ring in rings if not -0.5 <= ring.height <= depth - 0.5]
    if beyond:
        below = [-ring.height for ring in beyond if ring.height < 0]
        above = [ring.height - depth + 1 for ring in beyond if ring.height > 0]
        reach = " and ".join(
            f"{max(side) * spacing:.1f} mm {where}" for side, where in ((below, "before"), (above, "after")) if side
        )
        tell = findings.warning if len(beyond) < len(rings) else findings.problem
        tell(
            f"ROI '{name}': {len(beyond)} of {len(rings)} contour(s) lie beyond the {depth} slices (up to {reach} the "
            "stack) and are left out: the mask is cut off; look for the missing part of the CT"
        )
    slices: dict[int, list[Ring]] = {}
    for ring in rings:
        if -0.5 <= ring.height <= depth - 0.5:
            slices.setdefault(min(max(round(ring.height), 0), depth - 1), []).append(ring)
    unused, farthest = 0, 0.0
    for index, plane in slices.items():
        nearest = min(plane, key=lambda ring: abs(ring.height - index)).height
        slices[index] = [ring for ring in plane if abs(ring.height - nearest) <= SAME_PLANE]
        unused += len(plane) - len(slices[index])
        farthest = max(farthest, abs(nearest - index))
    if unused:
        findings.warning(f"ROI '{name}': {unused} contour(s) lie between slices, another plane is nearer: left out")
    if farthest > OFF_SLICE:
        findings.warning(
            f"ROI '{name}': contours lie up to {farthest * spacing:.2f} mm off their slice: moved to the nearest"
        )
    gaps = sorted(set(range(min(slices), max(slices) + 1)) - set(slices)) if slices else []
    if gaps:
        findings.warning(
            f"ROI '{name}': {len(gaps)} slice(s) between others have no contour (index {some(gaps)}): left empty"
        )
    return dict(sorted(slices.items()))
