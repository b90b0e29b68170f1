"""Training under torchrun, on Gloo: both ranks see one metric, one of them writes."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bundles.bundle_runs import REPOSITORY, SEGMENTERS, folders

TIMEOUT_S = 180  # ranks that wait for each other wait for ever


def data_set(phantom: Path, folder: Path, validated: int) -> dict[str, float]:
    """Copy a data set with so many patients to validate on, taken from its test part; return their targets in ml."""
    datalist = json.loads((phantom / "datalist.json").read_text())
    datalist["validation"] = (datalist["validation"] + datalist["test"])[:validated]
    datalist["test"] = []
    for part in ("images", "labels"):
        shutil.copytree(phantom / part, folder / part)  # links that lead out of a data set are refused
    (folder / "datalist.json").write_text(json.dumps(datalist))
    return {item["patient"]: item["target_ml"] for item in datalist["validation"]}


def torchrun(*arguments: str) -> str:
    """Run two ranks and return what they printed."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=REPOSITORY, start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        text, _ = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        pytest.fail(f"still running after {TIMEOUT_S} s: {process.communicate()[0][-3000:]}")
    assert process.returncode == 0, text[-3000:]
    return text


@pytest.mark.slow
@pytest.mark.parametrize("validated", [2, 1], ids=["a-patient-a-rank", "one-patient-for-two-ranks"])
@pytest.mark.parametrize("bundle", SEGMENTERS)
def test_two_ranks_train_as_one(bundle, validated, phantom, tmp_path):
    targets = data_set(phantom, tmp_path / "dataset", validated)
    names = [str(REPOSITORY / "bundles" / bundle / "configs" / f"{name}.json") for name in
             ("train", "multi_gpu_train", "demo")]  # fmt: skip
    options = {
        **folders(bundle, tmp_path), "dataset_dir": str(tmp_path / "dataset"), "max_epochs": 1, "val_interval": 1,
        "slices_per_volume": 4, "batch_size": 2,
    }  # fmt: skip
    words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    text = torchrun("-m", "monai.bundle", "run", "--config_file", str(names), *words)
    history = [json.loads(line) for line in (tmp_path / "eval" / "history.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in history] == ["train", "validation"]
    assert history[1]["metrics"]["n_patients"] == validated
    rows = json.loads((tmp_path / "eval" / "patients.json").read_text())["rows"]
    # a patient that both ranks have scored, as the sampler pads, is neither two nor twice as large
    assert {row["patient"]: row["target_ml"] for row in rows} == pytest.approx(targets, rel=0.3)
    assert (tmp_path / "models" / "model.pt").is_file()
    # one writer of the trainer and one of the validations, both of one rank
    events = sorted((tmp_path / "eval" / "tensorboard").glob("events.out.tfevents.*"))
    assert len({path.name.split(".")[-2] for path in events}) == 1, events
    dices = re.findall(r"Got new best metric of val_mean_dice: (\S+)", text)
    assert len(dices) == 2, dices
    assert float(dices[0]) == float(dices[1]) == pytest.approx(history[1]["metrics"]["val_mean_dice"])
