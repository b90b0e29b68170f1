"""A mask on the grid of a DICOM series as a DICOM segmentation (SEG) that refers to the slices of the series."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .grid_distance import grid_distance
from .segment_codes import describe

if TYPE_CHECKING:
    from highdicom.seg import Segmentation
    from pydicom.dataset import Dataset

    from ..datasets.dicom_series import Series
    from ..datasets.slice_geometry import Grid

GRID_TOLERANCE = 0.05  # of a voxel, at the farthest corner
SERIES_NUMBER = 300  # numbers need not be unique; this one stands behind those of a scanner
MANUFACTURER = "MONAI Bundle Collection"
# must be there, and may be empty; anonymised files lack some
PATIENT_AND_STUDY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
    "StudyTime", "ReferringPhysicianName",
)  # fmt: skip
SEXES = ("M", "F", "O")
METHODS = ("DeidentificationMethod", "DeidentificationMethodCodeSequence")


def mask_to_seg(
    mask: np.ndarray,
    affine: np.ndarray,
    series: Series,
    segments: Sequence[Mapping[str, Any]],
    name: str,
    version: str,
) -> Segmentation:
    """Encode a mask as a binary SEG with one segment a label.

    Each plane goes to the slice that lies where the plane lies, and names it as its source. Planes without foreground
    are left out; when all are empty, all are kept, because a SEG must have a frame. Patient and study are those of the
    series, the UIDs of the SEG are new.

    Args:
        mask: integers (X, Y, Z), 0 for background and the labels of ``segments``; its axes may be in another order or
            direction than those of the series.
        affine: 4x4, from voxel index to RAS mm.
        series: the scan, as ``scan_reader.ct_series`` gives it.
        segments: see ``segment_codes.segment_problems``, which must have found nothing.
        name: of the bundle, recorded as the algorithm.
        version: of the bundle.

    Raises:
        ValueError: the mask does not lie on the grid of the series, holds a label that is not in ``segments``, or the
            series lacks what a SEG must copy from it.
    """
    unknown = sorted(set(np.unique(mask).tolist()) - {0, *(segment["label"] for segment in segments)})
    if unknown:
        raise ValueError(f"the mask holds {unknown}, which 'segments' of metadata.json does not describe: add them")
    planes = on_grid(mask, affine, series.grid).transpose(2, 1, 0)
    # the order of the frames in a multi-frame file; files of one slice are in the order of the slices already
    order = np.argsort([item.frame or 0 for item in series.slices], kind="stable")
    pixels = np.ascontiguousarray(planes[order], dtype=np.uint8)
    return _encode(pixels, _sources(series), segments, name, version)


def _encode(
    pixels: np.ndarray, sources: list[Dataset], segments: Sequence[Mapping[str, Any]], name: str, version: str
) -> Segmentation:
    """Make the SEG of labels (frame, row, column), uint8, in the order of the frames of the sources."""
    import highdicom

    # highdicom and pydicom quote names and dates of the patient in their warnings
    logging.getLogger("highdicom").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return highdicom.seg.Segmentation(
            source_images=sources,
            pixel_array=pixels,
            segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=describe(segments, name, version),
            series_instance_uid=highdicom.UID(),
            series_number=SERIES_NUMBER,
            series_description=name,
            content_creator_name="",
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=name,
            software_versions=version,
            device_serial_number=version,  # software has none, and DICOM asks for one
            specific_character_set="ISO_IR 192",
            omit_empty_frames=True,
        )


def on_grid(mask: np.ndarray, affine: np.ndarray, grid: Grid) -> np.ndarray:
    """Put the axes of a mask into the order and direction of a grid.

    Raises:
        ValueError: they differ in more than that.
    """
    from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation

    to_grid = np.linalg.inv(grid.affine_ras) @ np.asarray(affine, dtype=float)
    turns = io_orientation(to_grid)
    turned = apply_orientation(mask, turns)
    if turned.shape != grid.shape:
        raise ValueError(f"the mask must have the shape of its series, {grid.shape}, found {turned.shape}")
    off = grid_distance(to_grid @ inv_ornt_aff(turns, mask.shape), np.eye(4), grid.shape)
    if not off <= GRID_TOLERANCE:
        raise ValueError(f"the mask must lie on the grid of its series, a corner is {off:.2f} voxels away from it")
    return turned


def _sources(series: Series) -> list[Dataset]:
    """Headers of the files of a series, in the order of its slices, with what a SEG copies from them made whole."""
    from pydicom import dcmread

    if not series.frame_of_reference or not series.study_uid:
        raise ValueError(f"{series.name} must have a FrameOfReferenceUID and a StudyInstanceUID; a SEG copies both")
    if series.slices[0].frame is not None and len(series.files) > 1:
        raise ValueError(
            f"{series.name} has {len(series.files)} multi-frame files, a SEG can refer to the frames of one; "
            "export the series as files of one slice each"
        )
    headers = [dcmread(path, stop_before_pixels=True) for path in series.files]
    for header in headers:
        _make_whole(header, headers[0], series)
    return headers


def _make_whole(header: Dataset, first: Dataset, series: Series) -> None:
    """Empty what is missing or no value of its kind, and even out what the reader has found to be one within rounding.

    Only the header in memory changes.
    """
    for keyword in PATIENT_AND_STUDY:
        if not _is_valid(header, keyword):
            setattr(header, keyword, None)
    if header.get("PatientIdentityRemoved") == "YES" and not any(header.get(keyword) for keyword in METHODS):
        header.DeidentificationMethod = "not stated in the source images"  # must be there; public archives lack it
    measures = header
    if series.slices[0].frame is None:
        header.ImageOrientationPatient = first.ImageOrientationPatient
    else:
        shared = next(iter(header.get("SharedFunctionalGroupsSequence", [])), None)
        if shared is None or not {"PlaneOrientationSequence", "PixelMeasuresSequence"} <= set(shared.dir()):
            raise ValueError(f"{series.name}: the frames must share orientation and pixel measures; export it again")
        measures = shared.PixelMeasuresSequence[0]
    if not measures.get("SliceThickness"):
        measures.SliceThickness = round(float(np.linalg.norm(series.grid.affine_lps[:3, 2])), 6)


def _is_valid(header: Dataset, keyword: str) -> bool:
    from pydicom.config import RAISE
    from pydicom.valuerep import validate_value

    try:
        element = header[keyword]
        validate_value(element.VR, element.value, RAISE)
    except (KeyError, ValueError):
        return False
    return keyword != "PatientSex" or element.value in SEXES
