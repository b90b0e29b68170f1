"""A damaged scan in the training data: its steps are left out and named; damage everywhere stops the run."""

import json
import shutil

import nibabel
import numpy as np
import pytest
import torch

from tests.bundles.bundle_runs import SEGMENTERS, run
from tools.bundle.start import root_cause
from tools.datasets.datalist import read_datalist


def damaged(phantom, folder, key, value, items):
    """A copy of the data set with ``value`` in the middle of every slice of ``key`` of the first training patients."""
    shutil.copytree(phantom, folder)
    names = []
    for item in read_datalist(folder, "training")[:items]:
        scan = nibabel.load(item[key])
        data = np.asarray(scan.dataobj).astype(np.float32)
        row, column = data.shape[0] // 2, data.shape[1] // 2
        data[row : row + 3, column : column + 3] = value  # a single voxel may fall between those of a coarser grid
        nibabel.save(nibabel.Nifti1Image(data, scan.affine), item[key])
        names.append(item["image"])
    return names


@pytest.mark.parametrize("bundle", SEGMENTERS)
@pytest.mark.parametrize(("key", "value"), [("image", np.nan), ("label", np.inf)])
def test_a_damaged_file_costs_its_steps_and_is_named(bundle, key, value, phantom, tmp_path):
    names = damaged(phantom, tmp_path / "data", key, value, items=1)
    run(bundle, "train", tmp_path, dataset_dir=str(tmp_path / "data"), batch_size=1, max_epochs=1)
    incidents = [json.loads(line) for line in (tmp_path / "eval" / "incidents.jsonl").read_text().splitlines()]
    assert incidents
    assert {file for incident in incidents for file in incident["files"]} == set(names)
    assert {incident["kind"] for incident in incidents} == {key}
    weights = torch.load(tmp_path / "models" / "model.pt", weights_only=True)
    assert all(torch.isfinite(tensor).all() for tensor in weights.values() if tensor.is_floating_point())


@pytest.mark.parametrize("bundle", SEGMENTERS)
def test_damage_everywhere_stops_the_run(bundle, phantom, tmp_path):
    damaged(phantom, tmp_path / "data", "image", np.nan, items=99)
    with pytest.raises(RuntimeError) as caught:
        run(bundle, "train", tmp_path, dataset_dir=str(tmp_path / "data"), batch_size=1, max_epochs=9)
    text = str(root_cause(caught.value))
    assert "10 steps in a row were not finite" in text
    assert "convert them again or drop them" in text
    assert json.loads((tmp_path / "eval" / "summary.json").read_text())["status"] == "failed"
