"""The raw MSD form of the phantom: layout, geometry and determinism."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tests.datasets.file_digests import digests
from tools.datasets.msd_lung_phantom import write_phantom
from tools.datasets.phantom_grades import EASY
from tools.datasets.phantom_patient import phantom_patient

COARSE = {"pixel_mm": 5.0, "thickness_mm": 6.0}
PATIENTS = 5  # the third lies obliquely, the fifth has no tumour


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw") / "Task06_Lung"
    return write_phantom(folder, patients=PATIENTS, seed=3, unlabelled=1, **COARSE)


def test_layout_is_that_of_the_release(phantom: Path):
    facts = json.loads((phantom / "dataset.json").read_text())
    assert facts["modality"] == {"0": "CT"}
    assert facts["labels"] == {"0": "background", "1": "cancer"}
    assert (facts["numTraining"], facts["numTest"]) == (5, 1)
    assert facts["training"][0] == {"image": "./imagesTr/lung_001.nii.gz", "label": "./labelsTr/lung_001.nii.gz"}
    assert facts["test"] == ["./imagesTs/lung_006.nii.gz"]
    listed = [name for entry in facts["training"] for name in entry.values()] + facts["test"]
    there = {f"./{path.relative_to(phantom)}" for path in phantom.glob("*/lung_*")}
    assert there == set(listed)
    macos = {path.relative_to(phantom) for path in phantom.glob("*/._lung_*")}
    assert {f"./{path.parent}/{path.name[2:]}" for path in macos} == there


@pytest.mark.parametrize("index", range(PATIENTS))
def test_voxels_lie_where_the_patient_has_them(phantom: Path, index: int):
    truth = phantom_patient(EASY, index, 3, **COARSE)
    name = f"lung_{index + 1:03d}.nii.gz"
    image, label = (nibabel.load(phantom / folder / name) for folder in ("imagesTr", "labelsTr"))
    assert image.header["descrip"].item() == b"MONAI bundle phantom"
    assert (image.get_data_dtype(), label.get_data_dtype()) == (np.int16, np.uint8)
    assert np.array_equal(image.affine, label.affine)
    rng = np.random.default_rng(0)
    to_voxel = np.linalg.inv(image.affine)
    for z, y, x in np.argwhere(truth.mask)[:50].tolist() + rng.integers(0, truth.grid.shape, (50, 3)).tolist():
        steps = np.array([x, y, z]) * truth.grid.spacing[::-1]
        lps = truth.origin_lps + truth.axes_lps @ steps
        voxel = tuple(np.rint(to_voxel @ [-lps[0], -lps[1], lps[2], 1])[:3].astype(int))
        assert image.dataobj[voxel] == truth.image[z, y, x]
        assert label.dataobj[voxel] == truth.mask[z, y, x]
    assert np.asarray(label.dataobj).sum() == truth.mask.sum()


def test_axes_differ_and_one_is_oblique(phantom: Path):
    images = [nibabel.load(path) for path in sorted(phantom.glob("imagesTr/lung_*"))]
    assert len({nibabel.aff2axcodes(image.affine) for image in images}) == 3
    oblique = [np.count_nonzero(np.abs(image.affine[:3, :3]) > 1e-4) > 3 for image in images]
    assert oblique == [False, False, True, False, False]


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(phantom: Path, tmp_path: Path):
    again = write_phantom(tmp_path / "again", patients=PATIENTS, seed=3, unlabelled=1, **COARSE)
    assert digests(again) == digests(phantom)
    other = write_phantom(tmp_path / "other", patients=1, seed=4, **COARSE)
    one = {name for name in digests(other) if "/lung" in name}
    assert all(digests(other)[name] != digests(phantom)[name] for name in one)


def test_one_scan_without_label_for_every_six_patients(tmp_path: Path):
    very_coarse = {"pixel_mm": 12.0, "thickness_mm": 20.0}
    write_phantom(tmp_path / "few", patients=1, **very_coarse)
    assert not list((tmp_path / "few" / "imagesTs").iterdir())
    write_phantom(tmp_path / "more", patients=6, **very_coarse)
    assert len(list((tmp_path / "more" / "imagesTs").glob("lung_*"))) == 1


def test_a_negative_number_of_scans_without_label_is_named(tmp_path: Path):
    with pytest.raises(ValueError, match="unlabelled must be 0 or more, got -1"):
        write_phantom(tmp_path / "set", unlabelled=-1)
    assert not (tmp_path / "set").exists()
