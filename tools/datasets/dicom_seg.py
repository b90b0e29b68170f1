"""DICOM segmentations (binary, fractional, label map) to a mask on the grid of a CT.

Frames are matched to slices one by one, by where they lie: a SEG may leave empty frames out, so its frames need not
form a volume of their own (which ``highdicom``'s ``get_volume`` asks for; the tests compare with it where it applies).
A fractional voxel belongs to the segment from half of MaximumFractionalValue on. Overlapping segments do no harm: only
the frames of the chosen one are read.
"""

import re

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID

from .dicom_pixels import missing_decoder, stored_pixels
from .dicom_series import Series
from .findings import Findings, some
from .slice_geometry import Grid

IN_PLANE_TOLERANCE = 0.05  # of a voxel, at the farthest corner
DEPTH_TOLERANCE = 0.1  # of a slice distance


def segment_names(dataset: Dataset) -> dict[int, str]:
    """Segment number to its label, in the order of the file."""
    return {int(item.SegmentNumber): str(item.get("SegmentLabel") or "") for item in _segments(dataset)}


def find_segment(dataset: Dataset, pattern: str) -> list[int]:
    """Numbers of the segments whose label, or else whose description, matches the regular expression."""
    for name in ("SegmentLabel", "SegmentDescription"):
        found = [
            int(item.SegmentNumber)
            for item in _segments(dataset)
            if item.get(name) and re.search(pattern, str(item.get(name)).strip())
        ]
        if found:
            return found
    return []


def referenced_series(dataset: Dataset) -> list[str]:
    """SeriesInstanceUIDs the segmentation was made on."""
    return [
        str(item.SeriesInstanceUID)
        for item in dataset.get("ReferencedSeriesSequence", [])
        if "SeriesInstanceUID" in item
    ]


def seg_mask(dataset: Dataset, series: Series, number: int, findings: Findings) -> np.ndarray | None:
    """Mask of one segment on the grid of ``series``.

    Returns:
        uint8 (X, Y, Z) of 0 and 1, or None with the reasons in ``findings``. A segment without voxels gives an empty
        mask and no reason: whether that is allowed is the caller's to say.
    """
    grid, name = series.grid, segment_names(dataset).get(number, "")
    frame = str(dataset.get("FrameOfReferenceUID") or "")
    if frame and series.frame_of_reference and frame != series.frame_of_reference:
        findings.problem(
            f"segment '{name}' must lie in the CT's FrameOfReferenceUID ...{series.frame_of_reference[-12:]}, found "
            f"...{frame[-12:]}; it was made on another scan: leave it out or repair it"
        )
        return None
    if (int(dataset.Columns), int(dataset.Rows)) != grid.shape[:2]:
        findings.problem(
            f"segment '{name}' must be on the CT's grid of {grid.shape[:2]} (columns, rows), found "
            f"({dataset.Columns}, {dataset.Rows}); resample it to the CT"
        )
        return None
    pixels = _pixels(dataset, findings)
    if pixels is None:
        return None
    return _place(dataset, pixels, grid, number, name, findings)


def _segments(dataset: Dataset) -> list[Dataset]:
    """Segments, without the background that a label map may list as number 0."""
    return [item for item in dataset.get("SegmentSequence", []) if int(item.get("SegmentNumber", 0)) != 0]


def _pixels(dataset: Dataset, findings: Findings) -> np.ndarray | None:
    syntax = UID(dataset.file_meta.TransferSyntaxUID)
    fault = missing_decoder(syntax) if syntax.is_compressed and syntax.is_encapsulated else None
    if fault is None:
        try:
            return stored_pixels(dataset)
        except Exception as error:  # decoders and unpackers raise many kinds
            fault = f"the pixels cannot be read ({error}); download the file again"
    findings.problem(f"segmentation: {fault}")
    return None


def _place(
    dataset: Dataset, pixels: np.ndarray, grid: Grid, number: int, name: str, findings: Findings
) -> np.ndarray | None:
    """Put the frames of one segment where they lie."""
    mask = np.zeros(grid.shape, dtype=np.uint8, order="F")
    shared = next(iter(dataset.get("SharedFunctionalGroupsSequence", [])), Dataset())
    beyond, wrong = [], []
    for groups, frame in zip(dataset.get("PerFrameFunctionalGroupsSequence", []), pixels, strict=False):
        filled = _belongs(dataset, groups, shared, frame, number)
        if filled is None:
            continue
        height, fault = _height(groups, shared, grid)
        if fault:
            wrong.append(fault)
        elif not -0.5 < height < grid.shape[2] - 0.5:
            if filled.any():
                beyond.append(f"{height:.1f}")
        elif abs(height - round(height)) > DEPTH_TOLERANCE:
            wrong.append(f"a frame at slice {height:.2f}, between two slices")
        else:
            mask[:, :, round(height)] |= filled.T
    if wrong:
        findings.problem(
            f"segment '{name}' must be on the CT's grid, found {len(wrong)} frame(s) that are not ({wrong[0]}); "
            "resample it to the CT"
        )
        return None
    if beyond:
        tell = findings.warning if mask.any() else findings.problem
        tell(
            f"segment '{name}': {len(beyond)} frame(s) lie beyond the {grid.shape[2]} slices (index {some(beyond)}) "
            "and are left out: the mask is cut off; look for the missing part of the CT"
        )
    return mask if mask.any() or not beyond else None


def _belongs(dataset: Dataset, groups: Dataset, shared: Dataset, frame: np.ndarray, number: int) -> np.ndarray | None:
    """Boolean (rows, columns): where the frame says the segment is; None when it is about another segment."""
    kind = str(dataset.get("SegmentationType") or "BINARY")
    if kind == "LABELMAP":
        return frame == number
    owner = groups.get("SegmentIdentificationSequence") or shared.get("SegmentIdentificationSequence")
    if not owner or int(owner[0].get("ReferencedSegmentNumber", -1)) != number:
        return None
    if kind == "FRACTIONAL":
        return frame >= 0.5 * float(dataset.get("MaximumFractionalValue") or 255)
    return frame > 0


def _height(groups: Dataset, shared: Dataset, grid: Grid) -> tuple[float, str]:
    """Slice index (a fraction between slices) of a frame, and why the frame is not on the grid."""

    def value(sequence: str, name: str) -> np.ndarray | None:
        items = groups.get(sequence) or shared.get(sequence)
        found = items[0].get(name) if items else None
        return None if found is None else np.asarray(found, dtype=float)

    position = value("PlanePositionSequence", "ImagePositionPatient")
    orientation = value("PlaneOrientationSequence", "ImageOrientationPatient")
    spacing = value("PixelMeasuresSequence", "PixelSpacing")
    if position is None or orientation is None or spacing is None:
        return 0.0, "a frame without position, orientation or pixel spacing"
    rows, columns = grid.shape[1], grid.shape[0]
    corners = [
        position,
        position + orientation[:3] * spacing[1] * (columns - 1),
        position + orientation[3:] * spacing[0] * (rows - 1),
    ]
    inverse = np.linalg.inv(grid.affine_lps)
    voxels = np.array(corners) @ inverse[:3, :3].T + inverse[:3, 3]
    wanted = np.array([[0, 0], [columns - 1, 0], [0, rows - 1]])
    off = float(np.abs(voxels[:, :2] - wanted).max())
    lean = float(np.ptp(voxels[:, 2]))
    if off > IN_PLANE_TOLERANCE or lean > DEPTH_TOLERANCE:
        return 0.0, f"a corner is {off:.2f} voxels off in plane and {lean:.2f} slices out of it"
    return float(voxels[0, 2]), ""
