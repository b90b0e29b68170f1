import highdicom
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.sr.codedict import codes

from tests.datasets.dicom_factory import OBLIQUE, make_ct, make_seg
from tools.datasets.dicom_files import scan_folder
from tools.datasets.dicom_seg import find_segment, referenced_series, seg_mask, segment_names
from tools.datasets.findings import Findings


@pytest.fixture
def ct(tmp_path):
    return make_ct(tmp_path / "ct", orientation=OBLIQUE)


def plane(*voxels, value=1):
    pixels = np.zeros((10, 12))
    for column, row in voxels:
        pixels[row, column] = value
    return pixels


def mask_of(ct, frames, number=1, labels=("GTV-1", "Lung"), **options):
    dataset = make_seg(ct, ct.folder.parent / "seg.dcm", frames, labels, **options)
    (series,) = scan_folder(ct.folder).series
    findings = Findings()
    return seg_mask(dcmread(ct.folder.parent / "seg.dcm"), series, number, findings), findings, dataset


def test_frames_go_where_they_lie_whatever_their_order_and_gaps(ct):
    mask, findings, dataset = mask_of(ct, [(1, 4, plane((2, 7))), (1, 1, plane((5, 3), (6, 3)))])
    assert np.argwhere(mask).tolist() == [[2, 7, 4], [5, 3, 1], [6, 3, 1]]
    assert mask.dtype == np.uint8
    assert findings == Findings()
    assert segment_names(dataset) == {1: "GTV-1", 2: "Lung"}
    assert referenced_series(dataset) == [ct.series]


def test_overlapping_segments_are_kept_apart(ct):
    frames = [(1, 2, plane((3, 3), (4, 3))), (2, 2, plane((4, 3), (5, 3)))]
    assert np.argwhere(mask_of(ct, frames)[0]).tolist() == [[3, 3, 2], [4, 3, 2]]
    assert np.argwhere(mask_of(ct, frames, number=2)[0]).tolist() == [[4, 3, 2], [5, 3, 2]]


def test_two_frames_of_a_segment_in_one_slice_are_joined(ct):
    mask, _, _ = mask_of(ct, [(1, 2, plane((3, 3))), (1, 2, plane((4, 3)))])
    assert np.argwhere(mask).tolist() == [[3, 3, 2], [4, 3, 2]]


def test_a_fractional_voxel_belongs_from_half_on(ct):
    pixels = plane((3, 3), value=100) + plane((4, 3), value=99) + plane((5, 3), value=200)
    mask, _, _ = mask_of(ct, [(1, 2, pixels)], kind="FRACTIONAL")
    assert np.argwhere(mask).tolist() == [[3, 3, 2], [5, 3, 2]]


def test_a_label_map_holds_all_segments_in_one_frame(ct):
    pixels = plane((3, 3), value=1) + plane((4, 3), value=2)
    assert np.argwhere(mask_of(ct, [(0, 2, pixels)], kind="LABELMAP")[0]).tolist() == [[3, 3, 2]]
    assert np.argwhere(mask_of(ct, [(0, 2, pixels)], 2, kind="LABELMAP")[0]).tolist() == [[4, 3, 2]]


def test_a_file_by_highdicom_gives_the_mask_highdicom_reads(ct, tmp_path):
    source = [dcmread(path) for path in ct.files]
    for dataset in source:
        dataset.StudyDate = dataset.StudyTime = dataset.AccessionNumber = dataset.StudyID = ""
        dataset.PatientBirthDate = dataset.PatientSex = dataset.ReferringPhysicianName = ""
        dataset.PositionReferenceIndicator, dataset.SliceThickness = "", 3
    pixels = np.random.default_rng(0).random((len(source), 10, 12)) > 0.7
    description = highdicom.seg.SegmentDescription(
        segment_number=1, segment_label="gtv 1", segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Neoplasm, algorithm_type="MANUAL",
    )  # fmt: skip
    made = highdicom.seg.Segmentation(
        source_images=source, pixel_array=pixels, segmentation_type="BINARY", segment_descriptions=[description],
        series_instance_uid=highdicom.UID(), series_number=1, sop_instance_uid=highdicom.UID(), instance_number=1,
        manufacturer="m", manufacturer_model_name="m", software_versions="1", device_serial_number="1",
    )  # fmt: skip
    made.save_as(tmp_path / "seg.dcm")
    (series,) = scan_folder(ct.folder).series
    dataset = dcmread(tmp_path / "seg.dcm")
    assert find_segment(dataset, r"(?i)^GTV[-_ ]?1$") == [1]
    ours = seg_mask(dataset, series, 1, Findings())
    reader = highdicom.seg.segread(tmp_path / "seg.dcm")
    order = [item.sop_uid for item in series.slices]
    theirs = reader.get_pixels_by_source_instance(order, combine_segments=True)
    assert np.array_equal(ours, theirs.transpose(2, 1, 0))
    assert ours.sum() == pixels.sum()


def test_the_label_decides_before_the_description(ct):
    dataset = mask_of(ct, [(1, 2, plane((3, 3)))], labels=("Neoplasm", "GTV-1"))[2]
    dataset.SegmentSequence[0].SegmentDescription = "GTV-1"
    assert find_segment(dataset, "^GTV-1$") == [2]
    dataset.SegmentSequence[1].SegmentLabel = "other"
    assert find_segment(dataset, "^GTV-1$") == [1]
    assert find_segment(dataset, "heart") == []


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"shift_mm": 0.3}, "a corner is 0.41 voxels off in plane"),
        ({"frame": "1.2.3.4.5.6.7.8"}, "found ....3.4.5.6.7.8; it was made on another scan"),
    ],
)
def test_another_grid_or_frame_of_reference_is_refused(ct, options, text):
    mask, findings, _ = mask_of(ct, [(1, 2, plane((3, 3)))], **options)
    assert mask is None
    assert text in findings.problems[0]


def test_a_frame_between_slices_is_refused(ct):
    mask, findings, _ = mask_of(ct, [(1, 2.5, plane((3, 3)))])
    assert mask is None
    assert "a frame at slice 2.50, between two slices" in findings.problems[0]


def test_another_size_is_refused(ct):
    mask, findings, _ = mask_of(ct, [(1, 2, np.ones((5, 6)))])
    assert mask is None
    assert "grid of (12, 10) (columns, rows), found (6, 5)" in findings.problems[0]


def test_frames_beyond_the_slices_are_told_when_they_hold_something(ct):
    mask, findings, _ = mask_of(ct, [(1, 2, plane((3, 3))), (1, 7, plane((3, 3))), (1, 8, plane())])
    assert mask.sum() == 1
    assert "1 frame(s) lie beyond the 6 slices (index 7.0)" in findings.warnings[0]
    mask, findings, _ = mask_of(ct, [(1, 7, plane((3, 3)))])
    assert mask is None
    assert "1 frame(s) lie beyond" in findings.problems[0]


def test_a_segment_without_voxels_gives_an_empty_mask(ct):
    mask, findings, _ = mask_of(ct, [(2, 2, plane((3, 3)))])
    assert not mask.any()
    assert findings == Findings()


def test_truncated_pixels_are_a_problem(ct):
    _, _, dataset = mask_of(ct, [(1, index, plane((3, 3))) for index in range(6)])
    dataset.PixelData = dataset.PixelData[:20]
    dataset.save_as(ct.folder.parent / "cut.dcm")
    (series,) = scan_folder(ct.folder).series
    findings = Findings()
    assert seg_mask(dcmread(ct.folder.parent / "cut.dcm"), series, 1, findings) is None
    assert "the pixels cannot be read" in findings.problems[0]


def test_a_frame_without_a_place_is_refused(ct):
    _, _, dataset = mask_of(ct, [(1, 2, plane((3, 3)))])
    del dataset.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence
    (series,) = scan_folder(ct.folder).series
    findings = Findings()
    assert seg_mask(dataset, series, 1, findings) is None
    assert "without position" in findings.problems[0]
