"""DICOM SEG of the CT phantom, for the patients whose outline comes as a segmentation."""

from __future__ import annotations

import logging

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset, FileDataset
from pydicom.sr.codedict import codes

from .phantom_dicom import STUDY_DATE, STUDY_TIME, stable_uid
from .phantom_mark import PHANTOM_MARK

logging.getLogger("highdicom").setLevel(logging.WARNING)  # it reports each group of attributes that it copies


def seg_dataset(ct: list[FileDataset], patient_id: str, key: str, masks: dict[str, np.ndarray]) -> Dataset:
    """A binary SEG over `ct` (feet to head); `masks` maps a segment's label to voxels (Z, Y, X) bool."""
    uid = stable_uid(key, patient_id, "seg")
    seg = hd.seg.Segmentation(
        source_images=ct,
        pixel_array=np.stack(list(masks.values()), -1).astype(np.uint8),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_description(number, label) for number, label in enumerate(masks, 1)],
        series_instance_uid=stable_uid(uid, "series"), series_number=300,
        sop_instance_uid=uid, instance_number=1, manufacturer=PHANTOM_MARK, manufacturer_model_name="CT phantom",
        software_versions="1", device_serial_number="0", omit_empty_frames=True,
    )  # fmt: skip
    _settle(seg, uid)
    return seg


def _description(number: int, label: str) -> hd.seg.SegmentDescription:
    lesion = label.startswith("GTV")
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure if lesion else codes.SCT.Organ,
        segmented_property_type=codes.SCT.Neoplasm if lesion else codes.SCT.Lung,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence("phantom", codes.DCM.ArtificialIntelligence, "1"),
    )


def _settle(seg: Dataset, uid: str) -> None:
    """Replace what highdicom draws at random or reads from the clock, so that the same patient gives the same bytes."""
    organization = stable_uid(uid, "dimensions")

    def settle(_: Dataset, element: object) -> None:
        if element.keyword == "DimensionOrganizationUID":
            element.value = organization
        elif element.keyword in ("ContentDate", "SeriesDate", "InstanceCreationDate"):
            element.value = STUDY_DATE
        elif element.keyword == "ContributionDateTime":
            element.value = STUDY_DATE + STUDY_TIME
        elif element.keyword in ("ContentTime", "SeriesTime", "InstanceCreationTime"):
            element.value = STUDY_TIME

    seg.walk(settle)
