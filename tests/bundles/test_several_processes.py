"""Training under torchrun, on Gloo: both ranks see one metric, one of them writes."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.bundles.bundle_runs import BUNDLES, REPOSITORY, folders


@pytest.mark.slow
@pytest.mark.parametrize("bundle", BUNDLES)
def test_two_ranks_train_as_one(bundle, phantom, tmp_path):
    names = [str(REPOSITORY / "bundles" / bundle / "configs" / f"{name}.json") for name in
             ("train", "multi_gpu_train", "demo")]  # fmt: skip
    options = {
        **folders(bundle, tmp_path), "dataset_dir": str(phantom), "max_epochs": 1, "val_interval": 1,
        "slices_per_volume": 4, "batch_size": 2,
    }  # fmt: skip
    # a second patient to validate on, so that each rank has one
    datalist = json.loads((phantom / "datalist.json").read_text())
    datalist["validation"] += datalist["test"]
    datalist["test"] = []
    split = tmp_path / "dataset"
    split.mkdir()
    for folder in ("images", "labels"):
        shutil.copytree(phantom / folder, split / folder)  # links that lead out of a data set are refused
    (split / "datalist.json").write_text(json.dumps(datalist))
    options["dataset_dir"] = str(split)
    words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    launcher = ["torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "monai.bundle", "run"]
    command = [sys.executable, "-m", *launcher, "--config_file", str(names), *words]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=REPOSITORY, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr[-3000:]
    history = [json.loads(line) for line in (tmp_path / "eval" / "history.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in history] == ["train", "validation"]
    assert history[1]["metrics"]["n_patients"] + history[1]["metrics"]["n_empty"] >= 2
    assert (tmp_path / "models" / "model.pt").is_file()
    assert len(list((tmp_path / "eval").glob("events.out.tfevents.*"))) <= 1
    dices = re.findall(r"val_mean_dice: (\d\.\d+)", done.stderr + done.stdout)
    assert len(set(dices)) <= 1
