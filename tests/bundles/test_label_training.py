"""Training as MONAI Label starts it, without its server: other items, a weight loader in front, the same data again."""

import json
from pathlib import Path

import monai.bundle
import nibabel
import numpy as np
import pytest
from monai.bundle import ConfigParser

from tests.bundles.bundle_runs import QUICK, SEGMENTERS, config_files, folders
from tools.datasets.datalist import read_datalist


def items(phantom: Path, *splits: str) -> list[dict[str, str]]:
    """What MONAI Label gives of an item: two files, and no name, phantom mark or spacing."""
    found = [item for split in splits for item in read_datalist(phantom, split)]
    return [{key: item[key] for key in ("image", "label")} for item in found]


def train(bundle: str, out: Path, data: list[dict[str, str]], validation: list[dict[str, str]]) -> None:
    files = config_files(bundle, "train")
    parser = ConfigParser()
    parser.read_config(files)
    handlers = parser.get("train#handlers")
    weights = out / "models" / "model.pt"
    if weights.exists():
        loader = {"load_path": str(weights), "load_dict": {"model": "$@network"}, "strict": False}
        handlers.insert(0, {"_target_": "CheckpointLoader", **loader})
    quick = {name: value for name, value in QUICK.items() if name != "max_epochs"}
    overrides = {
        "train#trainer#max_epochs": 1,
        "train#dataset#data": data,
        "train#handlers": handlers,
        "validate#dataset#data": validation,
        "device": "cpu",
    }
    monai.bundle.run(
        run_id="run", init_id=None, final_id=None, config_file=files, **folders(bundle, out), **quick, **overrides
    )


def epochs_trained(out: Path) -> int:
    lines = [json.loads(line) for line in (out / "eval" / "history.jsonl").read_text().splitlines()]
    return sum(line["kind"] == "train" for line in lines)


@pytest.mark.parametrize("bundle", SEGMENTERS)
def test_training_on_the_same_data_again_goes_on_from_the_weights(bundle, phantom, tmp_path):
    data, validation = items(phantom, "training"), items(phantom, "validation")
    train(bundle, tmp_path, data, validation)
    models = tmp_path / "models"
    first = (models / "model.pt").read_bytes()
    train(bundle, tmp_path, data, validation)
    assert (models / "model.previous.pt").read_bytes() == first
    assert (models / "model.pt").read_bytes() != first
    assert epochs_trained(tmp_path) == 1, "the history is of this run alone"
    train(bundle, tmp_path, data[:1], validation)  # what other data leave behind is one step back, no more
    assert sorted(path.name for path in models.glob("*.*")) == ["last.ckpt", "model.previous.pt", "model.pt"]
    offered = sorted((path.name for path in models.glob("*.pt")), key=len)
    assert offered[0] == "model.pt", "MONAI Label takes the shortest name when nobody chooses"


@pytest.mark.parametrize("bundle", SEGMENTERS)
def test_first_label_alone_can_be_trained_on(bundle, phantom, tmp_path):
    train(bundle, tmp_path, items(phantom, "training")[:1], [])
    assert (tmp_path / "models" / "model.pt").is_file()


def with_header(source: str, target: Path) -> str:
    """A label as an annotator's tool may write it: float, and with the header's coordinates rounded."""
    image = nibabel.load(source)
    copy = nibabel.Nifti1Image(np.asarray(image.dataobj).astype(np.float32), np.round(image.affine, 4))
    nibabel.save(copy, target)
    return str(target)


@pytest.mark.parametrize("bundle", SEGMENTERS)
def test_labels_as_viewers_write_them_can_be_trained_on(bundle, phantom, tmp_path):
    data = items(phantom, "training")[:1]
    data[0]["label"] = with_header(data[0]["label"], tmp_path / "label.nii.gz")
    train(bundle, tmp_path, data, items(phantom, "validation"))
    assert (tmp_path / "models" / "model.pt").is_file()
