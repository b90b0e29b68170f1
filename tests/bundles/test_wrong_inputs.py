"""What is wrong with the input is said in one sentence, and nothing is written for it."""

import json
import shutil

import nibabel
import numpy as np
import pytest

from tests.bundles.bundle_runs import SEGMENTERS, failure, run
from tools.datasets.datalist import read_datalist

pytestmark = pytest.mark.parametrize("bundle", SEGMENTERS)


def copy_of(phantom, folder):
    shutil.copytree(phantom, folder)
    return folder


def test_a_folder_that_is_not_there(bundle, tmp_path):
    text = failure(bundle, "train", tmp_path, dataset_dir=str(tmp_path / "nowhere"))
    assert str(tmp_path / "nowhere") in text
    assert "does not exist" in text
    assert "python -m tools prepare" in text
    assert not list(tmp_path.rglob("*.pt"))


def test_an_empty_folder(bundle, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "has no datalist.json" in failure(bundle, "train", tmp_path, dataset_dir=str(tmp_path / "empty"))
    assert "no scans in" in failure(bundle, "inference", tmp_path, dataset_dir=str(tmp_path / "empty"))


def test_no_scans_given(bundle, tmp_path):
    assert "pass --dataset_dir FOLDER" in failure(bundle, "inference", tmp_path)


def test_a_misspelt_override(bundle, tmp_path):
    text = failure(bundle, "train", tmp_path, batch_sise=2)
    assert "'batch_sise' (did you mean 'batch_size'?)" in text


def test_missing_files_are_all_named(bundle, phantom, tmp_path):
    dataset = copy_of(phantom, tmp_path / "dataset")
    names = [read_datalist(dataset, part)[0] for part in ("training", "validation")]
    (dataset / names[0]["image"]).unlink()
    (dataset / names[1]["label"]).unlink()
    text = failure(bundle, "train", tmp_path, dataset_dir=str(dataset))
    assert f"{names[0]['patient']}: the image is missing" in text
    assert f"{names[1]['patient']}: the label is missing" in text


def test_a_mask_of_another_shape(bundle, phantom, tmp_path):
    dataset = copy_of(phantom, tmp_path / "dataset")
    label = read_datalist(dataset, "training")[0]["label"]
    mask = nibabel.load(label)
    nibabel.save(nibabel.Nifti1Image(np.asarray(mask.dataobj)[:-1].copy(), mask.affine), label)
    assert "image and label must have one shape" in failure(bundle, "train", tmp_path, dataset_dir=str(dataset))


def test_missing_weights(bundle, raw_phantom, phantom, tmp_path):
    for workflow, data in (("inference", raw_phantom), ("evaluate", phantom)):
        text = failure(bundle, workflow, tmp_path, dataset_dir=str(data))
        assert "no weights at" in text
        assert "train first" in text


def scan(folder, array) -> str:
    folder.mkdir()
    nibabel.save(nibabel.Nifti1Image(array.astype(np.float32), np.diag([2.0, 2.0, 3.0, 1.0])), folder / "scan.nii.gz")
    return str(folder)


def test_an_image_that_is_no_volume(bundle, tmp_path):
    folder = scan(tmp_path / "flat", np.zeros((32, 32)))
    text = failure(bundle, "inference", tmp_path, dataset_dir=folder, load_pretrain=False)
    assert "must be one three-dimensional volume" in text
    assert "scan.nii.gz" in text


def test_a_volume_with_nan(bundle, tmp_path):
    array = np.full((32, 32, 4), -1000.0)
    array[3, 3, 3] = np.nan
    folder = scan(tmp_path / "nan", array)
    text = failure(bundle, "inference", tmp_path, dataset_dir=folder, load_pretrain=False)
    assert "has 1 of 4096 voxels that are NaN or infinite" in text
    assert not list((tmp_path / "eval").rglob("*_seg.nii.gz"))


@pytest.mark.parametrize("shape", [(40, 50, 1), (17, 23, 5)], ids=["one slice", "smaller than the window"])
def test_small_volumes_work(bundle, tmp_path, shape):
    array = np.full(shape, -1000.0)
    array[5:-5, 5:-5] = 40.0
    folder = scan(tmp_path / "small", array)
    run(bundle, "inference", tmp_path, dataset_dir=folder, load_pretrain=False, output_dir=str(tmp_path / "masks"))
    mask = nibabel.load(next((tmp_path / "masks").rglob("*_seg.nii.gz")))
    assert mask.shape == shape


def test_a_full_disk_is_noticed_before_training(bundle, phantom, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr("tools.handlers.estimate.shutil.disk_usage", lambda folder: usage)
    text = failure(bundle, "train", tmp_path, dataset_dir=str(phantom))
    assert "checkpoints need" in text
    assert json.dumps(str(tmp_path / "models"))[1:-1] in text
