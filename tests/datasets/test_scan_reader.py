import logging
import subprocess
import sys

import nibabel
import numpy as np
import pytest
from monai.transforms import LoadImage, LoadImaged

from tests.datasets.dicom_factory import OBLIQUE, make_ct, make_enhanced_ct, make_rtstruct
from tools.datasets.nsclc_radiomics import prepare
from tools.datasets.scan_reader import ScanReader

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


def test_importing_the_reader_needs_no_dicom_or_nifti_package():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['pydicom', 'nibabel', 'highdicom', 'skimage', 'tqdm']));"
        "import tools.datasets.scan_reader, tools.datasets.scan_finder, tools.datasets.datalist; print('fine')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "fine"  # other packages talk of what they miss


def test_a_reader_that_nobody_asked_for_does_not_complain():
    code = (
        "import logging; logging.basicConfig(level=logging.INFO);"
        "from monai.transforms import LoadImage; from tools.datasets.scan_reader import ScanReader;"
        "LoadImage(reader=ScanReader())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "nvimgcodec" not in done.stderr.lower()
