"""DICOM of the CT phantom: CT slices and an RTSTRUCT, in the form of a public radiotherapy collection.

UIDs are hashes of what they name, and dates are fixed: the same patient gives the same bytes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid
from skimage import measure

from .phantom_mark import PHANTOM_MARK
from .phantom_patient import PhantomPatient

STUDY_DATE, STUDY_TIME = "20000101", "120000"
MIN_CONTOUR_POINTS = 4


def stable_uid(*names: object) -> str:
    """A UID that depends on the names alone."""
    return generate_uid(entropy_srcs=["phantom", *map(str, names)])


def ct_datasets(patient: PhantomPatient, patient_id: str, key: str) -> list[FileDataset]:
    """The slices of one scan from feet to head; `key` tells apart data sets that use the same patient ids."""
    grid = patient.grid
    series = stable_uid(key, patient_id, "ct")
    slope, intercept = 1, -1024
    datasets = []
    for number, plane in enumerate(patient.image):
        ds = _new_file(CTImageStorage, stable_uid(series, number), patient_id, key)
        ds.Modality, ds.SeriesInstanceUID, ds.SeriesNumber = "CT", series, 1
        ds.SeriesDescription = "Thorax"
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.PatientPosition, ds.KVP, ds.ConvolutionKernel = "HFS", 120, "SOFT"
        ds.GantryDetectorTilt, ds.AcquisitionNumber = 0, 1
        ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = frame_of_reference(key, patient_id), ""
        ds.InstanceNumber = grid.shape[0] - number  # head first, as scanners number
        position = patient.origin_lps + patient.axes_lps[:, 2] * (grid.spacing[0] * number)
        ds.ImagePositionPatient = [_number(v) for v in position]
        ds.ImageOrientationPatient = [_number(v, 9) for v in patient.axes_lps[:, :2].T.ravel()]
        ds.SliceLocation = _number(position[2])
        ds.SliceThickness, ds.PixelSpacing = _number(grid.spacing[0]), [_number(v) for v in grid.spacing[1:]]
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.Rows, ds.Columns = plane.shape
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = slope, intercept, "HU"
        ds.WindowCenter, ds.WindowWidth = -600, 1200
        stored = plane.astype(np.int32) - intercept
        ds.add_new("PixelData", "OW", stored.astype("<i2").tobytes())
        datasets.append(ds)
    return datasets


def rtstruct_dataset(
    patient: PhantomPatient, patient_id: str, key: str, ct: list[FileDataset], rois: dict[str, np.ndarray]
) -> FileDataset:
    """An RTSTRUCT over `ct` (feet to head); `rois` maps a name to a signed distance (Z, Y, X).

    A ROI without voxels is listed with a contour item that holds no contours.
    """
    uid = stable_uid(key, patient_id, "rtstruct")
    ds = _new_file(RTStructureSetStorage, uid, patient_id, key)
    ds.Modality, ds.SeriesInstanceUID, ds.SeriesNumber = "RTSTRUCT", stable_uid(uid, "series"), 3
    ds.StructureSetLabel, ds.StructureSetName = "PHANTOM", "PHANTOM"
    ds.StructureSetDate, ds.StructureSetTime, ds.InstanceNumber = STUDY_DATE, STUDY_TIME, 1
    frame = frame_of_reference(key, patient_id)
    ds.ReferencedFrameOfReferenceSequence = Sequence([_referenced_frame(frame, ct)])
    ds.StructureSetROISequence, ds.ROIContourSequence, ds.RTROIObservationsSequence = Sequence(), Sequence(), Sequence()
    for number, (name, distance) in enumerate(rois.items(), 1):
        roi, contours, seen = Dataset(), Dataset(), Dataset()
        roi.ROINumber, roi.ReferencedFrameOfReferenceUID, roi.ROIName = number, frame, name
        roi.ROIGenerationAlgorithm = "AUTOMATIC"
        contours.ROIDisplayColor, contours.ReferencedROINumber = [255, 40 * number % 256, 0], number
        contours.ContourSequence = Sequence(_contours(patient, distance, ct))
        seen.ObservationNumber, seen.ReferencedROINumber = number, number
        seen.RTROIInterpretedType, seen.ROIInterpreter = "GTV" if name.startswith("GTV") else "ORGAN", ""
        ds.StructureSetROISequence.append(roi)
        ds.ROIContourSequence.append(contours)
        ds.RTROIObservationsSequence.append(seen)
    return ds


def frame_of_reference(key: str, patient_id: str) -> str:
    """The frame that the scan and its structures share."""
    return stable_uid(key, patient_id, "frame")


def polygons(patient: PhantomPatient, distance: np.ndarray, number: int) -> list[np.ndarray]:
    """Closed sub-pixel polygons of one slice, (N, 3) each, in mm of DICOM patient coordinates.

    Holes are polygons of their own. The field beyond the border counts as outside, so that every polygon closes.
    """
    plane = np.pad(distance[number].astype(np.float64), 1, constant_values=min(-1.0, float(distance.min())))
    found = []
    for curve in measure.find_contours(plane, 0.0):
        curve = np.clip(curve[:-1] - 1, -0.49, np.array(distance.shape[1:]) - 0.51)
        if len(curve) < MIN_CONTOUR_POINTS:
            continue
        steps = np.stack([curve[:, 1], curve[:, 0], np.full(len(curve), number)], 1) * patient.grid.spacing[::-1]
        found.append(patient.origin_lps + steps @ patient.axes_lps.T)
    return found


def _contours(patient: PhantomPatient, distance: np.ndarray, ct: list[FileDataset]) -> list[Dataset]:
    items = []
    for number in np.flatnonzero((distance > 0).any((1, 2))):
        for points in polygons(patient, distance, int(number)):
            item, image = Dataset(), Dataset()
            image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = CTImageStorage, ct[number].SOPInstanceUID
            item.ContourImageSequence = Sequence([image])
            item.ContourGeometricType, item.NumberOfContourPoints = "CLOSED_PLANAR", len(points)
            item.ContourData = [f"{value:.4f}" for value in points.ravel()]
            items.append(item)
    return items


def _referenced_frame(frame: str, ct: list[FileDataset]) -> Dataset:
    outer, study, series = Dataset(), Dataset(), Dataset()
    outer.FrameOfReferenceUID = frame
    study.ReferencedSOPClassUID, study.ReferencedSOPInstanceUID = "1.2.840.10008.3.1.2.3.1", ct[0].StudyInstanceUID
    series.SeriesInstanceUID, series.ContourImageSequence = ct[0].SeriesInstanceUID, Sequence()
    for slice_ds in ct:
        image = Dataset()
        image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = CTImageStorage, slice_ds.SOPInstanceUID
        series.ContourImageSequence.append(image)
    study.RTReferencedSeriesSequence = Sequence([series])
    outer.RTReferencedStudySequence = Sequence([study])
    return outer


def _new_file(sop_class: str, uid: str, patient_id: str, key: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID, meta.ImplementationVersionName = stable_uid("implementation"), "PHANTOM"
    ds = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, uid
    ds.StudyInstanceUID = stable_uid(key, patient_id, "study")
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = STUDY_DATE
    ds.StudyTime = ds.SeriesTime = ds.ContentTime = STUDY_TIME
    ds.StudyID, ds.AccessionNumber, ds.ReferringPhysicianName = "", "", ""
    ds.Manufacturer, ds.ManufacturerModelName = PHANTOM_MARK, "CT phantom"
    ds.PatientName, ds.PatientID = f"{patient_id}^", patient_id
    ds.PatientBirthDate, ds.PatientSex = "", ""
    return ds


def save(ds: Dataset, path: Path) -> None:
    """Write one file as DICOM."""
    ds.save_as(path, enforce_file_format=True)


def _number(value: float, digits: int = 6) -> float:
    return float(f"{value:.{digits}f}")
