import shutil

import nibabel
import numpy as np
import pytest
from monai.transforms import LoadImage

from tests.datasets.dicom_factory import make_ct, make_rtstruct
from tools.datasets.msd_lung import prepare as prepare_msd
from tools.datasets.msd_lung_phantom import write_phantom
from tools.datasets.nsclc_radiomics import prepare
from tools.datasets.scan_finder import find_scans
from tools.datasets.scan_reader import ScanReader


@pytest.fixture
def ct(tmp_path):
    return make_ct(tmp_path / "raw" / "ct")


def save_nifti(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 3, 4), dtype=np.int16), np.diag([2.0, 3, 4, 1])), path)


def test_scans_of_both_kinds_are_found_with_unique_names(tmp_path, ct):
    make_rtstruct(ct, ct.folder / "rt.dcm", {"GTV-1": []})
    for place in ("a/ct.nii.gz", "b/ct.nii", "alone.nii", ".hidden.nii"):
        save_nifti(tmp_path / "raw" / place)
    scans = find_scans(tmp_path / "raw")
    assert [scan["patient"] for scan in scans] == ["a_ct", "alone", "b_ct", "LUNG1-001"]
    assert scans[-1]["image"] == str(ct.folder)
    assert all(LoadImage(reader=ScanReader())(scan["image"]).ndim == 3 for scan in scans)


def test_series_that_share_a_folder_are_given_as_lists_of_files(tmp_path, ct):
    other = make_ct(tmp_path / "other", shape=(3, 4, 5))
    for path in other.files:
        shutil.move(path, ct.folder / f"other {path.name}")
    scans = find_scans(tmp_path / "raw")
    assert [scan["patient"] for scan in scans] == ["LUNG1-001_1", "LUNG1-001_2"]
    assert {tuple(LoadImage(reader=ScanReader())(scan["image"]).shape) for scan in scans} == {(12, 10, 6), (5, 4, 3)}
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


def test_a_task06_folder_gives_its_images_and_not_its_labels(tmp_path):
    folder = write_phantom(tmp_path / "Task06_Lung", patients=2, unlabelled=1, pixel_mm=12.0, thickness_mm=20.0)
    names = [f"lung_{index:03d}" for index in (1, 2, 3)]
    for place, wanted in ((folder, names), (tmp_path, names), (folder / "imagesTs", names[2:])):
        scans = find_scans(place)
        assert [scan["patient"] for scan in scans] == wanted
        assert all("/images" in scan["image"] and scan["phantom"] for scan in scans)


def test_a_listed_task06_folder_gives_all_its_images(tmp_path):
    folder = write_phantom(tmp_path / "Task06_Lung", patients=2, unlabelled=1, pixel_mm=12.0, thickness_mm=20.0)
    prepare_msd(folder, tmp_path / "list", quiet=True)
    prepare_msd(folder, folder, quiet=True)
    for place in (folder, tmp_path / "list"):
        scans = sorted(find_scans(place), key=lambda scan: scan["patient"])
        places = ["imagesTr/lung_001", "imagesTr/lung_002", "imagesTs/lung_003"]
        assert [scan["image"] for scan in scans] == [str(folder / f"{place}.nii.gz") for place in places]


def test_a_folder_named_like_labels_alone_is_read(tmp_path):
    save_nifti(tmp_path / "labelsTr" / "a.nii.gz")
    assert [scan["patient"] for scan in find_scans(tmp_path)] == ["a"]


def test_one_nifti_file_is_one_scan(tmp_path):
    for name in ("one.nii.gz", "two.nii.gz"):
        nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2), np.float32), np.eye(4)), tmp_path / name)
    expected = [{"image": str(tmp_path / "one.nii.gz"), "patient": "one", "phantom": False}]
    assert find_scans(tmp_path / "one.nii.gz") == expected
