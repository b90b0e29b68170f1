import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import MPEG2MPML, MediaStorageDirectoryStorage, RLELossless

from tests.datasets.dicom_factory import OBLIQUE, ct_slice, make_ct, make_enhanced_ct, new_file, save
from tools.datasets import dicom_pixels
from tools.datasets.dicom_files import scan_files, scan_folder
from tools.datasets.dicom_series import read_volume


def problems(folder):
    (series,) = scan_folder(folder).series
    with pytest.raises(ValueError, match="cannot be read as one volume"):
        read_volume(series)
    return " | ".join(series.findings.problems)


def test_a_painted_voxel_is_found_at_its_place_in_the_patient(tmp_path):
    def paint(index, dataset):
        pixels = np.zeros((10, 12), np.int16)
        if index == 4:
            pixels[7, 2] = 1500  # row 7, column 2
        dataset.PixelData = pixels.tobytes()

    ct = make_ct(tmp_path / "a" / "b", orientation=OBLIQUE, change=paint)
    (series,) = scan_folder(tmp_path).series
    volume, affine = read_volume(series)
    assert volume.shape == (12, 10, 6)
    assert volume.dtype == np.int16
    (voxel,) = np.argwhere(volume == 476)
    assert voxel.tolist() == [2, 7, 4]
    assert np.count_nonzero(volume == -1024) == volume.size - 1
    assert np.allclose((affine @ [*voxel, 1])[:3], ct.at(2, 7, 4) * [-1, -1, 1], atol=1e-5)


def test_series_of_several_patients_in_one_folder_are_told_apart_by_uid(tmp_path):
    one = make_ct(tmp_path / "x", patient="A")
    other = make_ct(tmp_path / "y", patient="B", shape=(3, 4, 5))
    for path in (tmp_path / "y").iterdir():
        shutil.move(path, tmp_path / "x" / f"moved {path.name}")
    found = {series.uid: series for series in scan_folder(tmp_path).series}
    assert set(found) == {one.series, other.series}
    assert found[other.series].patient_id == "B"
    assert read_volume(found[one.series])[0].shape == (12, 10, 6)
    assert "Secret" not in found[one.series].name


@pytest.mark.parametrize("description", ["P4^Someone", "CT of LUNG1-001", "ct of lung1-001"])
def test_a_description_that_names_the_patient_is_not_repeated(tmp_path, description):
    make_ct(tmp_path, change=lambda index, dataset: setattr(dataset, "SeriesDescription", description))
    (series,) = scan_folder(tmp_path).series
    assert series.name.startswith("CT series '' (UID ...")


def test_rescale_is_applied_slice_by_slice_and_rounded(tmp_path):
    def rescale(index, dataset):
        dataset.RescaleSlope, dataset.RescaleIntercept = {2: (1.5, -1000.25), 3: (2, -900)}.get(index, (1, -1024))

    ct = make_ct(tmp_path, change=rescale)
    (series,) = scan_folder(tmp_path).series
    volume, _ = read_volume(series)
    assert np.array_equal(volume[:, :, 2], np.rint(ct.stored[2].T * 1.5 - 1000.25))
    assert np.array_equal(volume[:, :, 3], ct.stored[3].T * 2 - 900)
    assert np.array_equal(volume[:, :, 4], ct.stored[4].T - 1024)
    assert "3 different rescale" in series.findings.warnings[0]


def test_values_beyond_int16_are_clipped_and_told(tmp_path):
    def unsigned(index, dataset):
        dataset.PixelRepresentation = 0
        dataset.PixelData = np.full((10, 12), 60000, np.uint16).tobytes()

    make_ct(tmp_path, change=unsigned)
    (series,) = scan_folder(tmp_path).series
    volume, _ = read_volume(series)
    assert volume.max() == 32767
    assert "720 voxels" in series.findings.warnings[0]


def test_an_enhanced_file_reads_as_the_classic_series(tmp_path):
    ct = make_ct(tmp_path / "classic", orientation=OBLIQUE)
    make_enhanced_ct(ct, tmp_path / "enhanced" / "all.dcm")
    (classic,) = scan_folder(tmp_path / "classic").series
    (enhanced,) = scan_folder(tmp_path / "enhanced").series
    first, second = read_volume(classic), read_volume(enhanced)
    assert np.array_equal(first[0], second[0])
    assert np.allclose(first[1], second[1], atol=1e-5)
    assert len(enhanced.files) == 1


def test_frames_without_places_are_refused(tmp_path):
    make_ct(tmp_path, change=lambda i, ds: setattr(ds, "NumberOfFrames", 2))
    assert "2 frames but no functional groups" in problems(tmp_path)


@pytest.mark.parametrize("name", ["RescaleSlope", "RescaleIntercept", "ImagePositionPatient", "PixelSpacing"])
def test_a_missing_attribute_is_named_with_the_number_of_files(tmp_path, name):
    make_ct(tmp_path, change=lambda index, dataset: delattr(dataset, name) if index < 2 else None)
    assert f"2 of 6 file(s): {name} is missing" in problems(tmp_path)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"RescaleSlope": 0}, "RescaleSlope must not be 0"),
        ({"SamplesPerPixel": 3}, "one sample per pixel, found 3"),
        ({"PixelSpacing": [0.7, 0]}, "PixelSpacing must be above 0"),
        ({"ImagePositionPatient": [1, 2]}, "ImagePositionPatient must be 3 finite"),
        ({"FrameOfReferenceUID": "1.2.3"}, "one FrameOfReferenceUID, found 2"),
        ({"PatientID": "else"}, "one PatientID, found 2"),
    ],
)
def test_a_wrong_attribute_in_one_file_is_a_problem(tmp_path, change, text):
    def wrong(index, dataset):
        if index == 3:
            dataset.update(change)

    make_ct(tmp_path, change=wrong)
    assert text in problems(tmp_path)


def test_an_odd_rescale_type_is_a_warning(tmp_path):
    make_ct(tmp_path, change=lambda index, dataset: setattr(dataset, "RescaleType", "MGML"))
    (series,) = scan_folder(tmp_path).series
    assert "RescaleType must be HU for a CT, found MGML" in series.findings.warnings[0]


def test_a_truncated_file_is_found_without_decoding(tmp_path):
    ct = make_ct(tmp_path)
    ct.files[2].write_bytes(ct.files[2].read_bytes()[:-50])
    assert "must be 240 bytes, found 190 (truncated file)" in problems(tmp_path)


def test_a_large_truncated_file_is_found_while_its_pixels_stay_on_disk(tmp_path):
    ct = make_ct(tmp_path, shape=(2, 200, 200))
    ct.files[0].write_bytes(ct.files[0].read_bytes()[:-5000])
    assert "must be 80000 bytes, found 75000 (truncated file)" in problems(tmp_path)


def test_a_file_cut_before_its_pixels_is_a_problem_of_the_series(tmp_path):
    make_ct(tmp_path, change=lambda index, dataset: delattr(dataset, "PixelData") if index == 1 else None)
    assert "no pixel data" in problems(tmp_path)


def test_a_file_cut_within_its_header_is_reported_by_its_relative_path(tmp_path):
    ct = make_ct(tmp_path / "deep")
    ct.files[0].write_bytes(ct.files[0].read_bytes()[:150])
    tree = scan_folder(tmp_path)
    assert any("damaged or truncated" in text and text.startswith("deep/any name") for text in tree.problems)


def test_exact_copies_count_once_and_different_content_with_one_uid_is_a_problem(tmp_path):
    ct = make_ct(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    (series,) = scan_folder(tmp_path).series
    assert "6 file(s) are exact copies" in series.findings.warnings[0]
    assert read_volume(series)[0].shape == (12, 10, 6)
    other = dcmread(ct.files[0])
    other.PixelData = bytes(240)
    save(other, tmp_path / "c" / "new.dcm")
    assert "same SOPInstanceUID and different content" in problems(tmp_path)


def test_what_is_no_image_is_skipped_and_counted(tmp_path):
    make_ct(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty").write_bytes(b"")
    report = new_file("1.2.840.10008.5.1.4.1.1.88.11")
    report.Modality, report.SeriesInstanceUID = "SR", "1.2.3"
    save(report, tmp_path / "sr.dcm")
    tree = scan_folder(tmp_path)
    assert tree.skipped == 2
    assert tree.other == {"SR": 1}
    assert not tree.problems


def test_a_directory_file_is_no_damage_and_a_file_without_uid_is(tmp_path):
    directory = new_file(MediaStorageDirectoryStorage)
    del directory.SOPInstanceUID
    save(directory, tmp_path / "DICOMDIR")
    nothing = new_file("1.2.840.10008.5.1.4.1.1.2")
    save(nothing, tmp_path / "nothing.dcm")
    tree = scan_folder(tmp_path)
    assert tree.other == {"DICOMDIR": 1}
    assert tree.problems == ["nothing.dcm: damaged or truncated DICOM file (no series UID); download it again"]


def test_a_missing_folder_or_a_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist: .*nowhere"):
        scan_folder(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError, match="this is a file"):
        scan_folder(tmp_path / "file")


def test_a_compressed_series_with_a_decoder_is_read(tmp_path):
    ct = make_ct(tmp_path)
    for path in ct.files:
        dataset = dcmread(path)
        dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.save_as(path)
    (series,) = scan_folder(tmp_path).series
    assert np.array_equal(read_volume(series)[0], ct.stored.transpose(2, 1, 0) - 1024)


def test_a_compressed_series_without_a_decoder_says_what_to_install(tmp_path, monkeypatch):
    ct = make_ct(tmp_path)
    for path in ct.files:
        dataset = dcmread(path)
        dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.save_as(path)
    decoder = SimpleNamespace(is_available=False, missing_dependencies=["gdcm - requires python-gdcm"])
    monkeypatch.setattr(dicom_pixels, "get_decoder", lambda syntax: decoder)
    text = "6 of 6 file(s): compressed with RLE Lossless (1.2.840.10008.1.2.5) and no decoder is installed: gdcm"
    assert text in problems(tmp_path)


def test_a_video_has_no_decoder_at_all():
    assert "has no decoder in pydicom; decompress the series first" in dicom_pixels.missing_decoder(MPEG2MPML)


def test_damaged_compressed_pixels_are_found_by_the_checks(tmp_path):
    ct = make_ct(tmp_path)
    for index, path in enumerate(ct.files):
        dataset = dcmread(path)
        dataset.compress(RLELossless, generate_instance_uid=False)
        if index == 3:
            data = bytearray(dataset.PixelData)
            data[60:] = bytes(len(data) - 60)
            dataset.PixelData = bytes(data)
        dataset.save_as(path)
    assert "cannot be decoded" in problems(tmp_path)


def test_a_list_of_files_gives_their_series(tmp_path):
    ct = make_ct(tmp_path)
    (series,) = scan_files(ct.files[:6], tmp_path).series
    assert len(series.slices) == 6
    assert ct_slice(ct, 0).SeriesInstanceUID == series.uid
