"""Tiny DICOM sets written with pydicom alone: CT series, structure sets and segmentations, broken on request."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CLASS = "1.2.840.10008.5.1.4.1.1.2.1"
RTSTRUCT_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
SEG_CLASS = "1.2.840.10008.5.1.4.1.1.66.4"
OBLIQUE = (0.96, 0.28, 0.0, -0.28 * 0.8, 0.96 * 0.8, 0.6)


@dataclass
class CT:
    """What was written; index (column, row, slice) to LPS mm through ``at``."""

    folder: Path
    patient: str
    study: str
    series: str
    frame: str
    shape: tuple[int, int, int]  # slices, rows, columns
    spacing: tuple[float, float]
    orientation: tuple[float, ...]
    positions: np.ndarray
    stored: np.ndarray
    manufacturer: str = "Maker"
    files: list[Path] = field(default_factory=list)
    uids: list[str] = field(default_factory=list)

    def at(self, column: float, row: float, index: float) -> np.ndarray:
        low = self.positions[0] + index * (self.positions[1] - self.positions[0])
        along_row, along_column = np.reshape(self.orientation, (2, 3))
        return low + column * self.spacing[1] * along_row + row * self.spacing[0] * along_column

    def ring(self, points: Sequence[tuple[float, float]], index: float) -> np.ndarray:
        return np.array([self.at(column, row, index) for column, row in points])

    def box(self, low: tuple[float, float], high: tuple[float, float], index: float) -> np.ndarray:
        (x0, y0), (x1, y1) = low, high
        return self.ring([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], index)


def new_file(sop_class: str, uid: str | None = None) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, uid or generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    dataset.PatientName = "Secret^Name"
    return dataset


def save(dataset: FileDataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def normal_of(orientation: Sequence[float]) -> np.ndarray:
    return np.cross(*np.reshape(orientation, (2, 3)))


def make_ct(
    folder: Path,
    *,
    patient: str = "LUNG1-001",
    shape: tuple[int, int, int] = (6, 10, 12),
    spacing: tuple[float, float] = (0.8, 0.7),
    step_mm: float = 3.0,
    origin: Sequence[float] = (-20.0, 35.0, 100.0),
    orientation: Sequence[float] = (1, 0, 0, 0, 1, 0),
    lean: Sequence[float] = (0, 0, 0),
    manufacturer: str = "Maker",
    frame: str | None = None,
    study: str | None = None,
    change: Callable[[int, FileDataset], None] | None = None,
    leave_out: Sequence[int] = (),
    write: bool = True,
) -> CT:
    """Write one file a slice, in shuffled name order; ``change(index, dataset)`` may break each before it is saved."""
    random = np.random.default_rng(3)
    stored = random.integers(0, 2000, shape).astype(np.int16)
    stored[0, 0, 0] = 0  # air
    step = step_mm * normal_of(orientation) + np.asarray(lean, dtype=float)
    ct = CT(
        folder, patient, study or generate_uid(), generate_uid(), frame or generate_uid(), shape, spacing,
        tuple(orientation), np.asarray(origin, dtype=float) + np.arange(shape[0])[:, None] * step, stored, manufacturer,
    )  # fmt: skip
    for index, number in enumerate(random.permutation(shape[0])):
        ct.uids.append(generate_uid())
        if not write or index in leave_out:
            continue
        dataset = ct_slice(ct, index)
        if change:
            change(index, dataset)
        ct.files.append(save(dataset, folder / f"any name {number}.bin"))
    return ct


def common(ct: CT, dataset: FileDataset, modality: str) -> FileDataset:
    dataset.Modality, dataset.PatientID, dataset.Manufacturer = modality, ct.patient, ct.manufacturer
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = ct.study, generate_uid()
    dataset.SeriesDescription = f"{modality} description"
    return dataset


def pixel_format(dataset: FileDataset, bits: int = 16, signed: int = 1) -> None:
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = signed


def ct_slice(ct: CT, index: int) -> FileDataset:
    dataset = common(ct, new_file(CT_CLASS, ct.uids[index]), "CT")
    dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = ct.series, ct.frame
    dataset.ImagePositionPatient = [round(float(value), 6) for value in ct.positions[index]]
    dataset.ImageOrientationPatient = list(ct.orientation)
    dataset.PixelSpacing = list(ct.spacing)
    dataset.Rows, dataset.Columns = ct.shape[1:]
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = 1, -1024, "HU"
    pixel_format(dataset)
    dataset.PixelData = ct.stored[index].tobytes()
    return dataset


def make_enhanced_ct(ct: CT, path: Path, series: str | None = None) -> str:
    """The same CT as one multi-frame file, its frames in reverse; returns its series UID."""
    dataset = common(ct, new_file(ENHANCED_CLASS), "CT")
    dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = series or generate_uid(), ct.frame
    dataset.Rows, dataset.Columns = ct.shape[1:]
    dataset.NumberOfFrames = ct.shape[0]
    shared = Dataset()
    shared.PlaneOrientationSequence = [item(ImageOrientationPatient=list(ct.orientation))]
    shared.PixelMeasuresSequence = [item(PixelSpacing=list(ct.spacing))]
    shared.PixelValueTransformationSequence = [item(RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU")]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [
        item(PlanePositionSequence=[item(ImagePositionPatient=[float(value) for value in position])])
        for position in ct.positions[::-1]
    ]
    pixel_format(dataset)
    dataset.PixelData = ct.stored[::-1].tobytes()
    save(dataset, path)
    return dataset.SeriesInstanceUID


def item(**values: object) -> Dataset:
    dataset = Dataset()
    for name, value in values.items():
        setattr(dataset, name, DicomSequence(value) if isinstance(value, list) and name.endswith("Sequence") else value)
    return dataset


def make_rtstruct(
    ct: CT,
    path: Path,
    rois: dict[str, list[np.ndarray]],
    *,
    kind: str = "CLOSED_PLANAR",
    frame: str | None = None,
    series: str | None = None,
    reference: bool = True,
) -> FileDataset:
    """Structure set: ROI name to contours, each (N, 3) LPS mm; an array may be (kind, points) instead."""
    dataset = common(ct, new_file(RTSTRUCT_CLASS), "RTSTRUCT")
    images = [item(ReferencedSOPInstanceUID=uid, ReferencedSOPClassUID=CT_CLASS) for uid in ct.uids]
    referenced = item(SeriesInstanceUID=series or ct.series, ContourImageSequence=images)
    study = item(ReferencedSOPInstanceUID=ct.study, RTReferencedSeriesSequence=[referenced])
    frame_item = item(FrameOfReferenceUID=frame or ct.frame)
    if reference:
        frame_item.RTReferencedStudySequence = [study]
    dataset.ReferencedFrameOfReferenceSequence = [frame_item]
    dataset.StructureSetROISequence = [
        item(ROINumber=number, ROIName=name, ReferencedFrameOfReferenceUID=frame or ct.frame)
        for number, name in enumerate(rois, 1)
    ]
    dataset.ROIContourSequence = [
        item(ReferencedROINumber=number, ContourSequence=[_contour(contour, kind) for contour in contours])
        for number, contours in enumerate(rois.values(), 1)
    ]
    save(dataset, path)
    return dataset


def _contour(contour: object, kind: str) -> Dataset:
    if isinstance(contour, tuple):
        kind, contour = contour
    values = [round(float(value), 4) for value in np.ravel(contour)]
    return item(ContourGeometricType=kind, NumberOfContourPoints=len(values) // 3, ContourData=values)


def make_seg(
    ct: CT,
    path: Path,
    frames: Sequence[tuple[int, float, np.ndarray]],
    labels: Sequence[str],
    *,
    kind: str = "BINARY",
    frame: str | None = None,
    shift_mm: float = 0.0,
    series: str | None = None,
) -> FileDataset:
    """Segmentation: frames of (segment number, slice index, (rows, columns) values); LABELMAP ignores the number."""
    dataset = common(ct, new_file(SEG_CLASS), "SEG")
    dataset.SegmentationType, dataset.FrameOfReferenceUID = kind, frame or ct.frame
    dataset.ReferencedSeriesSequence = [item(SeriesInstanceUID=series or ct.series)]
    dataset.SegmentSequence = [item(SegmentNumber=n, SegmentLabel=label) for n, label in enumerate(labels, 1)]
    pixels = np.array([values for *_, values in frames])
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = pixels.shape
    pixel_format(dataset, 1 if kind == "BINARY" else 8, 0)
    if kind == "BINARY":
        dataset.PixelData = _even(np.packbits(pixels.astype(bool).ravel(), bitorder="little").tobytes())
    else:
        dataset.PixelData = _even(pixels.astype(np.uint8).tobytes())
    if kind == "FRACTIONAL":
        dataset.MaximumFractionalValue, dataset.SegmentationFractionalType = 200, "PROBABILITY"
    shared = Dataset()
    shared.PlaneOrientationSequence = [item(ImageOrientationPatient=list(ct.orientation))]
    shared.PixelMeasuresSequence = [item(PixelSpacing=list(ct.spacing))]
    dataset.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for number, index, _ in frames:
        position = ct.at(0, 0, index) + [shift_mm, 0, 0]
        one = item(PlanePositionSequence=[item(ImagePositionPatient=[round(float(v), 6) for v in position])])
        if kind != "LABELMAP":
            one.SegmentIdentificationSequence = [item(ReferencedSegmentNumber=number)]
        groups.append(one)
    dataset.PerFrameFunctionalGroupsSequence = groups
    save(dataset, path)
    return dataset


def _even(data: bytes) -> bytes:
    return data + b"\0" * (len(data) % 2)
