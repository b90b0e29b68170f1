import logging
import shutil
import subprocess
import sys

import nibabel
import numpy as np
import pytest
from monai.transforms import LoadImage, LoadImaged

from tests.datasets.dicom_factory import OBLIQUE, make_ct, make_enhanced_ct, make_rtstruct
from tools.datasets.nsclc_radiomics import prepare
from tools.datasets.scan_reader import ScanReader, find_scans

NAME = "tools.datasets.scan_reader.ScanReader"


@pytest.fixture
def ct(tmp_path):
    return make_ct(tmp_path / "raw" / "ct", orientation=OBLIQUE)


def load(path):
    return LoadImage(reader=ScanReader())(path)


def save_nifti(path, array=None, affine=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4) if array is None else array
    nibabel.save(nibabel.Nifti1Image(array, np.diag([2.0, 3, 4, 1]) if affine is None else affine), path)
    return path


def test_inference_reads_what_the_converter_wrote(tmp_path, ct):
    make_rtstruct(ct, tmp_path / "raw" / "rt.dcm", {"GTV-1": [ct.box((2, 2), (5, 5), 2)]})
    prepare(tmp_path / "raw", tmp_path / "out", quiet=True)
    converted = load(tmp_path / "out" / "images" / "LUNG1-001.nii")
    for given in (ct.folder, [str(path) for path in ct.files]):
        dicom = load(given)
        assert np.array_equal(dicom, converted)
        assert np.allclose(dicom.affine, converted.affine, atol=1e-4)
        assert dicom.meta["space"] == converted.meta["space"] == "RAS"
    assert load(ct.folder).meta["filename_or_obj"] == str(ct.folder)


def test_the_name_works_in_a_configuration_with_a_channel_first(tmp_path, ct):
    data = LoadImaged("image", reader=NAME, ensure_channel_first=True)({"image": str(ct.folder)})
    assert data["image"].shape == (1, 12, 10, 6)


def test_a_broken_series_is_not_handed_to_a_reader_without_checks(tmp_path):
    make_ct(tmp_path / "ct", leave_out=(2, 3))
    with pytest.raises(ValueError, match=r"cannot be read as one volume:\n  - 2 missing slice"):
        load(tmp_path / "ct")


def test_a_gantry_tilt_is_logged(tmp_path, caplog):
    make_ct(tmp_path / "ct", lean=(0, 0.8, 0))
    with caplog.at_level(logging.WARNING):
        load(tmp_path / "ct")
    assert "gantry tilt" in caplog.text


def test_a_folder_with_two_series_or_none_is_refused(tmp_path, ct):
    make_enhanced_ct(ct, ct.folder / "all.dcm")
    with pytest.raises(ValueError, match=r"must hold one CT series, found 2 \(CT series 'CT description'"):
        load(ct.folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="must hold one CT series, found 0"):
        load(tmp_path / "empty")


def test_a_localiser_beside_the_scan_does_not_matter(tmp_path, ct, caplog):
    make_ct(ct.folder / "scout", shape=(2, 5, 5), leave_out=(1,))
    with caplog.at_level(logging.WARNING):
        assert load(ct.folder).shape == (12, 10, 6)
    assert "with 1 slice(s) is not used" in caplog.text


def test_a_damaged_file_in_the_folder_is_named(tmp_path, ct):
    (ct.folder / "cut.dcm").write_bytes(ct.files[0].read_bytes()[:150])
    with pytest.raises(ValueError, match="cut.dcm: damaged or truncated"):
        load(ct.folder)


def test_nifti_is_read_as_monai_does(tmp_path):
    path = save_nifti(tmp_path / "scan.nii.gz")
    ours, theirs = load(path), LoadImage(reader="NibabelReader")(path)
    assert np.array_equal(ours, theirs)
    assert np.array_equal(ours.affine, theirs.affine)


def test_missing_and_damaged_nifti_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="the scan does not exist: .*none.nii"):
        load(tmp_path / "none.nii")
    (tmp_path / "bad.nii.gz").write_bytes(b"\x1f\x8b broken")
    with pytest.raises(ValueError, match="bad.nii.gz is no readable NIfTI file"):
        load(tmp_path / "bad.nii.gz")
    whole = save_nifti(tmp_path / "cut.nii", np.zeros((20, 20, 20), np.int16)).read_bytes()
    (tmp_path / "cut.nii").write_bytes(whole[:5000])
    with pytest.raises(ValueError, match="cut.nii is no readable NIfTI file"):
        load(tmp_path / "cut.nii")


def test_other_formats_are_left_to_monais_own_readers(tmp_path):
    np.save(tmp_path / "array.npy", np.ones((3, 4)))
    assert load(tmp_path / "array.npy").shape == (3, 4)
    assert not ScanReader().verify_suffix(tmp_path / "array.npy")
    with pytest.raises(ValueError, match="must be NIfTI, a DICOM folder or the files of one series"):
        ScanReader().read(tmp_path / "array.npy")
    assert ScanReader().verify_suffix(tmp_path)
    assert ScanReader().verify_suffix(["a.nii", "b.NII.GZ"])


def test_scans_of_both_kinds_are_found_with_unique_names(tmp_path, ct):
    make_rtstruct(ct, ct.folder / "rt.dcm", {"GTV-1": []})
    for place in ("a/ct.nii.gz", "b/ct.nii", "alone.nii", ".hidden.nii"):
        save_nifti(tmp_path / "raw" / place)
    scans = find_scans(tmp_path / "raw")
    assert [scan["patient"] for scan in scans] == ["a_ct", "alone", "b_ct", "LUNG1-001"]
    assert scans[-1]["image"] == str(ct.folder)
    assert all(load(scan["image"]).ndim == 3 for scan in scans)


def test_series_that_share_a_folder_are_given_as_lists_of_files(tmp_path, ct):
    other = make_ct(tmp_path / "other", shape=(3, 4, 5))
    for path in other.files:
        shutil.move(path, ct.folder / f"other {path.name}")
    scans = find_scans(tmp_path / "raw")
    assert [scan["patient"] for scan in scans] == ["LUNG1-001_1", "LUNG1-001_2"]
    assert {tuple(load(scan["image"]).shape) for scan in scans} == {(12, 10, 6), (5, 4, 3)}
    assert sorted(len(scan["image"]) for scan in scans) == [3, 6]


def test_a_converted_set_gives_its_images_and_not_its_labels(tmp_path, ct):
    make_rtstruct(ct, tmp_path / "raw" / "rt.dcm", {"GTV-1": [ct.box((2, 2), (5, 5), 2)]})
    prepare(tmp_path / "raw", tmp_path / "out", quiet=True)
    (scan,) = find_scans(tmp_path / "out")
    image = str((tmp_path / "out/images/LUNG1-001.nii").resolve())
    assert scan == {"image": image, "patient": "LUNG1-001", "phantom": False}


def test_two_scans_of_a_patient_in_a_converted_set_have_names_of_their_own(tmp_path, ct):
    for index, one in enumerate((ct, make_ct(tmp_path / "raw" / "other", study=ct.study))):
        make_rtstruct(one, tmp_path / "raw" / f"rt{index}.dcm", {"GTV-1": [one.box((2, 2), (5, 5), 2)]})
    prepare(tmp_path / "raw", tmp_path / "out", quiet=True)
    assert [scan["patient"] for scan in find_scans(tmp_path / "out")] == ["LUNG1-001_1", "LUNG1-001_2"]


def test_a_phantom_says_so_before_and_after_its_conversion(tmp_path):
    ct = make_ct(tmp_path / "raw" / "ct", manufacturer="MONAI bundle phantom")
    make_rtstruct(ct, tmp_path / "raw" / "rt.dcm", {"GTV-1": [ct.box((2, 2), (5, 5), 2)]})
    prepare(tmp_path / "raw", tmp_path / "out", quiet=True)
    assert [find_scans(tmp_path / folder)[0]["phantom"] for folder in ("raw", "out")] == [True, True]


def test_problems_of_all_series_are_listed(tmp_path):
    make_ct(tmp_path / "one", leave_out=(2, 3))
    make_ct(tmp_path / "two", change=lambda index, dataset: delattr(dataset, "RescaleSlope"))
    with pytest.raises(ValueError, match=r"2 problem\(s\) with the DICOM files") as error:
        find_scans(tmp_path)
    assert "2 missing slice(s)" in str(error.value)
    assert "RescaleSlope is missing" in str(error.value)


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_folder_says_what_to_give(nothing):
    with pytest.raises(ValueError, match="no scans were given: pass --dataset_dir FOLDER with NIfTI files"):
        find_scans(nothing)


def test_wrong_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="dataset_dir does not exist: .*none"):
        find_scans(tmp_path / "none")
    (tmp_path / "note.txt").write_text("x")
    with pytest.raises(NotADirectoryError, match="dataset_dir must be a folder"):
        find_scans(tmp_path / "note.txt")
    with pytest.raises(ValueError, match="no scans in .*: neither NIfTI files"):
        find_scans(tmp_path)


def test_importing_the_reader_needs_no_dicom_or_nifti_package():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['pydicom', 'nibabel', 'highdicom', 'skimage', 'tqdm']));"
        "import tools.datasets.scan_reader, tools.datasets.datalist; print('fine')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "fine"


def test_a_reader_that_nobody_asked_for_does_not_complain():
    code = (
        "import logging; logging.basicConfig(level=logging.INFO);"
        "from monai.transforms import LoadImage; from tools.datasets.scan_reader import ScanReader;"
        "LoadImage(reader=ScanReader())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "nvimgcodec" not in done.stderr.lower()
