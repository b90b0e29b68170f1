"""Every bundle: train, evaluate, infer on a phantom; masks come back on the grid of the scan, whatever that grid is."""

import json

import nibabel
import numpy as np
import pytest
import torch

from tests.bundles.bundle_runs import SEGMENTERS, run
from tools.datasets.datalist import read_datalist


@pytest.fixture(scope="module", params=SEGMENTERS)
def trained(request, phantom, tmp_path_factory):
    """A bundle trained for two epochs on the converted phantom."""
    out = tmp_path_factory.mktemp(request.param)
    run(request.param, "train", out, dataset_dir=str(phantom))
    return request.param, out


def test_training_leaves_weights_a_resumable_checkpoint_and_a_summary(trained):
    bundle, out = trained
    weights = torch.load(out / "models" / "model.pt", weights_only=True)
    assert all(torch.isfinite(tensor).all() for tensor in weights.values() if tensor.is_floating_point())
    assert (out / "models" / "last.ckpt").is_file()
    summary = json.loads((out / "eval" / "summary.json").read_text())
    assert summary["bundle"] == bundle
    assert summary["is_phantom"] is True
    assert summary["workflow"] == "train"
    assert 0.0 <= summary["metrics"]["dice"] <= 1.0
    assert len(summary["data_fingerprint"]) >= 8
    history = [json.loads(line) for line in (out / "eval" / "history.jsonl").read_text().splitlines()]
    expected = [("train", 1), ("validation", 1), ("train", 2), ("validation", 2)]
    assert [(line["kind"], line["epoch"]) for line in history] == expected
    assert (out / "eval" / "report.html").is_file()


def test_evaluation_scores_every_patient_on_the_original_grid(trained, phantom):
    bundle, out = trained
    run(bundle, "evaluate", out, dataset_dir=str(phantom), output_dir=str(out / "evaluation"), split="training")
    rows = json.loads((out / "evaluation" / "patients.json").read_text())
    text = json.dumps(rows)
    assert all(item["patient"] in text for item in read_datalist(phantom, "training"))
    summary = json.loads((out / "evaluation" / "summary.json").read_text())
    assert summary["workflow"] == "evaluate"


def awkward_copies(phantom, folder):
    """The same scan rotated out of the axes, with permuted and flipped axes, and of half the thickness."""
    folder.mkdir()
    source = nibabel.load(read_datalist(phantom, "test")[0]["image"])
    data, affine = np.asarray(source.dataobj), source.affine
    turn = np.eye(4)
    turn[:3, :3] = [[0.97, -0.20, 0.10], [0.21, 0.97, -0.08], [-0.08, 0.10, 0.99]]
    q, _ = np.linalg.qr(turn[:3, :3])
    turn[:3, :3] = q * np.sign(np.diag(q))
    images = {
        "plain": (data, affine),
        "oblique": (data, turn @ affine),
        "permuted": (data.transpose(2, 0, 1), affine[:, [2, 0, 1, 3]]),
        "flipped": (data[::-1, :, ::-1], affine @ flip(data.shape)),
        "odd": (data[:-3, 2:, :-1], affine @ np.array([[1, 0, 0, 0], [0, 1, 0, 2], [0, 0, 1, 0], [0, 0, 0, 1.0]])),
    }
    for name, (array, matrix) in images.items():
        nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(array), matrix), folder / f"{name}.nii.gz")
    return images


def flip(shape):
    out = np.diag([-1.0, 1.0, -1.0, 1.0])
    out[0, 3], out[2, 3] = shape[0] - 1, shape[2] - 1
    return out


def test_masks_have_the_grid_of_their_scan(trained, phantom, tmp_path):
    bundle, out = trained
    scans, masks_dir = tmp_path / "scans", tmp_path / "masks"
    images = awkward_copies(phantom, scans)
    # a network trained this little may find nothing: a low threshold makes masks that can be compared
    run(bundle, "inference", out, dataset_dir=str(scans), output_dir=str(masks_dir), threshold=0.4)
    masks = {}
    for name, (array, matrix) in images.items():
        mask = nibabel.load(masks_dir / name / f"{name}_seg.nii.gz")
        masks[name] = np.asarray(mask.dataobj)
        assert masks[name].shape == array.shape
        assert np.allclose(mask.affine, matrix, atol=1e-4)
        assert masks[name].dtype == np.uint8
        assert set(np.unique(masks[name])) <= {0, 1}
    assert 0 < masks["plain"].mean() < 1
    back = masks["permuted"].transpose(1, 2, 0)
    assert (back == masks["plain"]).mean() > 0.999
    assert (masks["flipped"][::-1, :, ::-1] == masks["plain"]).mean() > 0.98


def test_inference_reads_dicom_folders(trained, raw_phantom, tmp_path):
    bundle, out = trained
    run(bundle, "inference", out, dataset_dir=str(raw_phantom), output_dir=str(tmp_path / "masks"))
    assert len(list((tmp_path / "masks").rglob("*_seg.nii.gz"))) == 4


@pytest.mark.parametrize("bundle", SEGMENTERS)
def test_what_a_phantom_teaches_goes_to_its_own_folder(bundle, tmp_path):
    run(bundle, "train", tmp_path, max_epochs=1, phantom_ckpt_dir=str(tmp_path / "models" / "phantom"))
    assert (tmp_path / "models" / "phantom" / "model.pt").is_file()
    assert not (tmp_path / "models" / "model.pt").exists()
