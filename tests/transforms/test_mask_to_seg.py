"""A mask goes to a DICOM SEG and back without a voxel moving, and every frame names the slice it lies on."""

import warnings
from io import BytesIO

import highdicom
import numpy as np
import pytest
from pydicom import dcmread

from tests.datasets.dicom_factory import OBLIQUE, make_ct, make_enhanced_ct
from tests.transforms.test_segment_codes import SEGMENTS
from tools.datasets.dicom_files import scan_folder
from tools.datasets.dicom_seg import referenced_series, seg_mask, segment_names
from tools.datasets.findings import Findings
from tools.transforms.mask_to_seg import mask_to_seg

SHAPE = (12, 10, 6)  # (X, Y, Z) of the factory's series
ORIENTATIONS = {
    "axial": (1, 0, 0, 0, 1, 0),
    "feet first": (-1, 0, 0, 0, 1, 0),
    "sagittal": (0, 1, 0, 0, 0, -1),
    "oblique": OBLIQUE,
}


def some_mask(labels=3):
    """Asymmetric along every axis, all labels in it, the second plane and the last one empty."""
    mask = np.random.default_rng(5).integers(0, labels + 1, SHAPE).astype(np.uint8)
    mask[:, :, [1, 5]] = 0
    mask[7:, :, 2] = 0
    return mask


def encode(mask, series, affine=None, segments=SEGMENTS):
    seg = mask_to_seg(mask, series.grid.affine_ras if affine is None else affine, series, segments, "net", "1.2.3")
    stream = BytesIO()
    seg.save_as(stream, enforce_file_format=True)
    return dcmread(BytesIO(stream.getvalue()))


def ours(dataset, series):
    """The mask as our own reader places its frames, with nothing to complain of."""
    findings = Findings()
    mask = sum(number * seg_mask(dataset, series, number, findings) for number in segment_names(dataset))
    assert findings == Findings()
    return mask


def highdicoms(dataset, series):
    """The mask as highdicom places it by the slices that the frames refer to."""
    reader = highdicom.seg.Segmentation.from_dataset(dataset)
    order = [item.sop_uid for item in series.slices]
    found = reader.get_pixels_by_source_instance(order, combine_segments=True, assert_missing_frames_are_empty=True)
    return found.transpose(2, 1, 0)


def world(mask, affine):
    """Where each foreground voxel lies, in mm, with its label, whatever the order of the axes."""
    voxels = np.argwhere(mask)
    places = voxels @ affine[:3, :3].T + affine[:3, 3]
    rows = np.column_stack([places.round(2) + 0.0, mask[tuple(voxels.T)]])
    return rows[np.lexsort(rows.T)]


def source_of(frame):
    return frame.DerivationImageSequence[0].SourceImageSequence[0]


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_it_reads_back_to_the_same_mask_in_any_orientation(tmp_path, orientation):
    make_ct(tmp_path / "ct", orientation=orientation)
    (series,) = scan_folder(tmp_path / "ct").series
    dataset = encode(some_mask(), series)
    assert np.array_equal(ours(dataset, series), some_mask())
    assert np.array_equal(highdicoms(dataset, series), some_mask())


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_every_frame_names_the_slice_that_lies_where_it_lies(tmp_path, orientation):
    ct = make_ct(tmp_path / "ct", orientation=orientation)
    places = {uid: ct.positions[index] for index, uid in enumerate(ct.uids)}
    (series,) = scan_folder(tmp_path / "ct").series
    dataset = encode(some_mask(), series)
    assert referenced_series(dataset) == [ct.series]
    frames = dataset.PerFrameFunctionalGroupsSequence
    assert len(frames) == 4 * 3  # two of six planes are empty, and a frame holds one segment
    for frame in frames:
        position = [float(value) for value in frame.PlanePositionSequence[0].ImagePositionPatient]
        assert position == pytest.approx(places[source_of(frame).ReferencedSOPInstanceUID], abs=1e-5)


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 2)])
def test_a_mask_with_reversed_axes_lies_where_it_lay(tmp_path, axes):
    make_ct(tmp_path / "ct", orientation=OBLIQUE)
    (series,) = scan_folder(tmp_path / "ct").series
    turned, affine = some_mask(), series.grid.affine_ras.copy()
    for axis in axes:
        turned = np.flip(turned, axis)
        affine[:3, 3] += affine[:3, axis] * (SHAPE[axis] - 1)
        affine[:3, axis] *= -1
    dataset = encode(turned.transpose(2, 0, 1), series, affine[:, [2, 0, 1, 3]])
    found = ours(dataset, series)
    assert np.array_equal(found, some_mask())
    assert np.allclose(world(found, series.grid.affine_ras), world(turned, affine), atol=0.02)


def test_slices_in_the_order_of_neither_name_nor_number(tmp_path):
    def renumber(index, dataset):
        dataset.InstanceNumber = 6 - index

    ct = make_ct(tmp_path / "ct", step_mm=-3.0, change=renumber)
    (series,) = scan_folder(tmp_path / "ct").series
    assert series.slices[0].sop_uid == ct.uids[-1]
    dataset = encode(some_mask(), series)
    assert np.array_equal(ours(dataset, series), some_mask())
    assert np.array_equal(highdicoms(dataset, series), some_mask())


def test_a_gantry_tilt(tmp_path):
    make_ct(tmp_path / "ct", lean=(0, 0.8, 0))
    (series,) = scan_folder(tmp_path / "ct").series
    dataset = encode(some_mask(), series)
    assert np.array_equal(ours(dataset, series), some_mask())
    assert np.array_equal(highdicoms(dataset, series), some_mask())


def test_a_multi_frame_scan_is_referred_to_by_frame(tmp_path):
    ct = make_ct(tmp_path / "ct", write=False)
    make_enhanced_ct(ct, tmp_path / "ct" / "all.dcm", ct.series)
    dataset = dcmread(tmp_path / "ct" / "all.dcm")
    dataset.FrameOfReferenceUID = ct.frame
    dataset.save_as(tmp_path / "ct" / "all.dcm")
    (series,) = scan_folder(tmp_path / "ct").series
    seg = encode(some_mask(), series)
    assert np.array_equal(ours(seg, series), some_mask())
    for frame in seg.PerFrameFunctionalGroupsSequence:
        position = [float(value) for value in frame.PlanePositionSequence[0].ImagePositionPatient]
        number = int(source_of(frame).ReferencedFrameNumber)
        assert position == pytest.approx(ct.positions[::-1][number - 1], abs=1e-5)
        assert source_of(frame).ReferencedSOPInstanceUID == dataset.SOPInstanceUID


@pytest.mark.parametrize("seen", [(), (1, 3)], ids=["nothing", "two of three labels"])
def test_a_label_that_was_not_found_is_still_described(tmp_path, seen):
    make_ct(tmp_path / "ct")
    (series,) = scan_folder(tmp_path / "ct").series
    mask = np.where(np.isin(some_mask(), seen), some_mask(), 0)
    dataset = encode(mask, series)
    assert segment_names(dataset) == {1: "lobe 1", 2: "lobe 2", 3: "lobe 3"}
    assert dataset.NumberOfFrames == len(dataset.PerFrameFunctionalGroupsSequence) > 0
    assert np.array_equal(ours(dataset, series), mask)
    assert np.array_equal(highdicoms(dataset, series), mask)


def test_what_the_standard_asks_for_is_there(tmp_path):
    ct = make_ct(tmp_path / "ct")
    (series,) = scan_folder(tmp_path / "ct").series
    dataset = encode(some_mask(), series)
    for keyword in (
        "PatientName PatientID PatientBirthDate PatientSex StudyInstanceUID StudyDate StudyTime StudyID "
        "AccessionNumber ReferringPhysicianName SeriesNumber ContentCreatorName ContentDescription "
        "PositionReferenceIndicator"
    ).split():
        assert keyword in dataset, keyword  # may be empty
    for keyword in (
        "ContentDate ContentTime ContentLabel InstanceNumber Manufacturer DeviceSerialNumber SeriesInstanceUID "
        "DimensionIndexSequence DimensionOrganizationSequence SharedFunctionalGroupsSequence"
    ).split():
        assert dataset.get(keyword), keyword
    assert dataset.file_meta.MediaStorageSOPClassUID == dataset.SOPClassUID == "1.2.840.10008.5.1.4.1.1.66.4"
    assert (dataset.Modality, dataset.SegmentationType, dataset.BitsAllocated) == ("SEG", "BINARY", 1)
    assert (dataset.ManufacturerModelName, dataset.SoftwareVersions) == ("net", "1.2.3")
    assert (dataset.StudyInstanceUID, dataset.FrameOfReferenceUID) == (ct.study, ct.frame)
    assert dataset.SeriesInstanceUID != ct.series
    shared = dataset.SharedFunctionalGroupsSequence[0]
    assert float(shared.PixelMeasuresSequence[0].SliceThickness) == 3
    again = encode(some_mask(), series)
    assert again.SOPInstanceUID != dataset.SOPInstanceUID
    assert again.SeriesInstanceUID != dataset.SeriesInstanceUID


def test_the_patient_comes_from_the_scan_and_stays_out_of_the_messages(tmp_path, caplog):
    def name(index, dataset):
        dataset.SpecificCharacterSet = "ISO_IR 100"
        dataset.PatientName, dataset.PatientSex, dataset.PatientAge = "Müller", "F", "063Y"
        dataset.PatientIdentityRemoved = "YES"

    make_ct(tmp_path / "ct", change=name)
    (series,) = scan_folder(tmp_path / "ct").series
    segments = [{**item, "name": f"Läppchen λ {item['label']}"} for item in SEGMENTS]
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        dataset = encode(some_mask(), series, segments=segments)
    assert "ller" not in caplog.text + " ".join(str(item.message) for item in seen)
    assert (str(dataset.PatientName), dataset.PatientSex, dataset.PatientAge) == ("Müller", "F", "063Y")
    assert dataset.PatientID == "LUNG1-001"
    assert segment_names(dataset)[2] == "Läppchen λ 2"
    assert dataset.DeidentificationMethod == "not stated in the source images"


def test_values_that_are_none_of_their_kind_are_left_out(tmp_path):
    def garble(index, dataset):
        dataset.PatientSex = "X"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset.PatientBirthDate, dataset.StudyTime = "unknown", "noon"

    make_ct(tmp_path / "ct", change=garble)
    (series,) = scan_folder(tmp_path / "ct").series
    dataset = encode(some_mask(), series)
    assert not any((dataset.PatientSex, dataset.PatientBirthDate, dataset.StudyTime))


def test_orientations_that_differ_by_rounding_are_one(tmp_path):
    def nudge(index, dataset):
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 1e-5 * index]

    make_ct(tmp_path / "ct", change=nudge)
    (series,) = scan_folder(tmp_path / "ct").series
    assert np.array_equal(ours(encode(some_mask(), series), series), some_mask())


@pytest.mark.parametrize("shift", [(0.1, 0, 0), (0, 0, 0.5), (0, 0, 1)])
def test_a_mask_that_lies_elsewhere_is_refused(tmp_path, shift):
    make_ct(tmp_path / "ct", orientation=OBLIQUE)
    (series,) = scan_folder(tmp_path / "ct").series
    affine = series.grid.affine_ras.copy()
    affine[:3, 3] += affine[:3, :3] @ shift
    with pytest.raises(ValueError, match=f"a corner is {max(shift):.2f} voxels away"):
        encode(some_mask(), series, affine)


def test_another_shape_or_label_is_refused(tmp_path):
    make_ct(tmp_path / "ct")
    (series,) = scan_folder(tmp_path / "ct").series
    with pytest.raises(ValueError, match=r"the shape of its series, \(12, 10, 6\), found \(12, 10, 5\)"):
        encode(some_mask()[:, :, 1:], series)
    with pytest.raises(ValueError, match=r"the mask holds \[2, 3\], which 'segments' of metadata.json does not"):
        encode(some_mask(), series, segments=SEGMENTS[:1])


def test_a_scan_without_a_frame_of_reference_is_refused(tmp_path):
    make_ct(tmp_path / "ct", change=lambda index, dataset: delattr(dataset, "FrameOfReferenceUID"))
    (series,) = scan_folder(tmp_path / "ct").series
    with pytest.raises(ValueError, match="must have a FrameOfReferenceUID"):
        encode(some_mask(), series)
