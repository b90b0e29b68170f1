"""A classifier's training over an interruption, and on two ranks."""

import json
import os
import re
import signal

import pytest
import torch
from ignite.engine import Events

from tests.bundles.bundle_runs import CLASSIFIERS, REPOSITORY, build, folders, quick, run
from tests.bundles.test_several_processes import torchrun
from tools.datasets.datalist import read_datalist


@pytest.mark.parametrize("bundle", CLASSIFIERS)
@pytest.mark.slow
@pytest.mark.parametrize("iteration", [3, 14], ids=["while the stem is frozen", "afterwards"])
def test_an_interrupted_training_ends_as_an_uninterrupted_one(bundle, iteration, xrays, tmp_path):
    """With everything that has a state of its own: frozen stem, mixing, average of the weights, balanced drawing."""
    options = {
        **quick(bundle), "dataset_dir": str(xrays), "freeze_epochs": 1, "mixup_alpha": 0.4, "ema_decay": 0.9,
        "schedule": "plateau", "img_size": [32, 32],
    }  # fmt: skip
    run(bundle, "train", tmp_path / "whole", **options)
    workflow = build(bundle, "train", tmp_path / "parts", **options)

    def interrupt(engine):
        os.kill(os.getpid(), signal.SIGINT)

    workflow.parser.get_parsed_content("train#trainer").add_event_handler(
        Events.ITERATION_STARTED(once=iteration), interrupt
    )
    with pytest.raises(SystemExit):
        workflow.run()
    assert json.loads((tmp_path / "parts" / "eval" / "summary.json").read_text())["status"] == "stopped"
    run(bundle, "train", tmp_path / "parts", **options)
    for name in ("model.pt", "last.ckpt"):
        one, other = (
            torch.load(tmp_path / folder / "models" / name, weights_only=True) for folder in ("whole", "parts")
        )
        one, other = (content.get("network", content) for content in (one, other))
        assert all(torch.equal(one[key], other[key]) for key in one), name
    rates = [
        [line["lr"] for line in map(json.loads, (tmp_path / folder / "eval" / "history.jsonl").open()) if "lr" in line]
        for folder in ("whole", "parts")
    ]
    assert rates[0] == rates[1]


@pytest.mark.slow
@pytest.mark.parametrize("bundle", CLASSIFIERS)
def test_two_ranks_train_as_one(bundle, xrays, tmp_path):
    names = [str(REPOSITORY / "bundles" / bundle / "configs" / f"{name}.json") for name in
             ("train", "multi_gpu_train", "demo")]  # fmt: skip
    options = {
        **folders(bundle, tmp_path), **quick(bundle), "dataset_dir": str(xrays), "freeze_epochs": 1, "ema_decay": 0.9,
    }  # fmt: skip
    words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    text = torchrun("-m", "monai.bundle", "run", "--config_file", str(names), *words)
    history = [json.loads(line) for line in (tmp_path / "eval" / "history.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in history] == ["train", "validation"] * 2
    assert history[1]["metrics"]["n_images"] == len(read_datalist(xrays, "validation"))
    assert (tmp_path / "models" / "model.pt").is_file()
    found = re.findall(r"Got new best metric of val_score: (\S+)", text)
    assert len(found) % 2 == 0
    assert len(set(found)) == len(found) // 2, "both ranks see one metric"
