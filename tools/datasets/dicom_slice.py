"""What the header of a CT file says about each of its slices.

A classic CT file holds one slice; an enhanced (multi-frame) one holds many, whose position, spacing and rescale are in
the functional groups: per frame first, shared otherwise. Both become the same ``SliceInfo``.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

HEADER_TAGS = [
    "SpecificCharacterSet", "ImageType", "SOPClassUID", "SOPInstanceUID", "Modality", "Manufacturer",
    "SeriesDescription", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns", "SamplesPerPixel",
    "BitsAllocated", "NumberOfFrames", "RescaleSlope", "RescaleIntercept", "RescaleType",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "PixelData",
]  # fmt: skip


@dataclass(frozen=True)
class SliceInfo:
    """One slice: where it lies and how its stored values become Hounsfield units.

    Attributes:
        frame: index in a multi-frame file, None in a classic one.
        position: centre of the first voxel, DICOM patient coordinates (LPS), mm.
        orientation: direction of a row (along columns), then of a column (along rows), LPS.
        spacing_mm: (between rows, between columns), DICOM's order.
        size: (rows, columns).
    """

    path: Path
    sop_uid: str
    frame: int | None
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing_mm: tuple[float, float]
    size: tuple[int, int]
    slope: float
    intercept: float


class HeaderError(ValueError):
    """A slice header lacks or garbles something that the geometry or the Hounsfield units need."""


def read_slices(header: Dataset, path: Path) -> list[SliceInfo]:
    """Read every slice of one file.

    Raises:
        HeaderError: a needed attribute is missing or no finite number; the text is the rule and the value.
    """
    if int(header.get("SamplesPerPixel", 1)) != 1:
        raise HeaderError(f"a CT slice must have one sample per pixel, found {header.SamplesPerPixel} (colour?)")
    if "PerFrameFunctionalGroupsSequence" in header:
        shared = next(iter(header.get("SharedFunctionalGroupsSequence", [])), Dataset())
        return [
            _slice(path, header, _frame_values(groups, shared), index)
            for index, groups in enumerate(header.PerFrameFunctionalGroupsSequence)
        ]
    if int(header.get("NumberOfFrames") or 1) > 1:
        raise HeaderError(f"{header.NumberOfFrames} frames but no functional groups that say where each lies")
    return [_slice(path, header, header, None)]


def _frame_values(groups: Dataset, shared: Dataset) -> Dataset:
    values = Dataset()
    for name in (
        "PlanePositionSequence",
        "PlaneOrientationSequence",
        "PixelMeasuresSequence",
        "PixelValueTransformationSequence",
    ):
        for items in (groups.get(name), shared.get(name)):
            if items:
                values.update(items[0])
                break
    return values


def _slice(path: Path, header: Dataset, values: Dataset, frame: int | None) -> SliceInfo:
    slope = _numbers(values, "RescaleSlope", 1)[0]
    if slope == 0:
        raise HeaderError("RescaleSlope must not be 0")
    spacing = _numbers(values, "PixelSpacing", 2)
    if min(spacing) <= 0:
        raise HeaderError(f"PixelSpacing must be above 0 mm, found {spacing}")
    return SliceInfo(
        path=path,
        sop_uid=str(header.SOPInstanceUID),
        frame=frame,
        position=_numbers(values, "ImagePositionPatient", 3),
        orientation=_numbers(values, "ImageOrientationPatient", 6),
        spacing_mm=(spacing[0], spacing[1]),
        size=(int(header.Rows), int(header.Columns)),
        slope=slope,
        intercept=_numbers(values, "RescaleIntercept", 1)[0],
    )


def _numbers(values: Dataset, name: str, count: int) -> tuple[float, ...]:
    found = values.get(name)
    if found is None or found == "":
        raise HeaderError(f"{name} is missing")
    numbers = np.atleast_1d(np.asarray(found, dtype=float))
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise HeaderError(f"{name} must be {count} finite number(s), found {found}")
    return tuple(float(number) for number in numbers)
