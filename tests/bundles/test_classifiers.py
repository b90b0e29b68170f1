"""Every bundle that classifies images: train, evaluate, infer on a phantom; what is wrong with the input is said."""

import csv
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from tests.bundles.bundle_runs import CLASSIFIERS, configs, failure, run
from tools.datasets.datalist import read_datalist


@pytest.fixture(scope="module", params=CLASSIFIERS)
def trained(request, xrays, tmp_path_factory):
    """A bundle trained for two epochs on the converted phantom."""
    out = tmp_path_factory.mktemp(request.param)
    run(request.param, "train", out, dataset_dir=str(xrays))
    return request.param, out


def table(folder) -> list[dict[str, str]]:
    with open(folder / "predictions.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_training_leaves_weights_a_temperature_and_a_report(trained, xrays):
    bundle, out = trained
    weights = torch.load(out / "models" / "model.pt", weights_only=True)
    assert all(torch.isfinite(tensor).all() for tensor in weights.values() if tensor.is_floating_point())
    assert (out / "models" / "last.ckpt").is_file()
    assert json.loads((out / "models" / "temperature.json").read_text())["temperature"] > 0
    summary = json.loads((out / "eval" / "summary.json").read_text())
    assert (summary["bundle"], summary["is_phantom"], summary["metric"]["name"]) == (bundle, True, "auc")
    assert 0 <= summary["metrics"]["auc"] <= 1
    assert 0 <= summary["metrics"]["specificity"] <= 1
    assert len(table(out / "eval")) == len(read_datalist(xrays, "validation"))
    report = (out / "eval" / "report.html").read_text()
    assert all(text in report for text in ("Smoke only", "ROC AUC", "By class", "Attention"))


def test_evaluation_scores_the_official_test_part(trained, xrays):
    bundle, out = trained
    run(bundle, "evaluate", out, dataset_dir=str(xrays), output_dir=str(out / "evaluation"), split="test")
    items = read_datalist(xrays, "test")
    rows = table(out / "evaluation")
    names = configs(bundle, "train")["class_names"]
    expected = {"/".join(item["image"].split("/")[-2:]): names[item["label"]] for item in items}
    assert {row["file"]: row["label"] for row in rows} == expected
    scores = json.loads((out / "evaluation" / "classes.json").read_text())
    fitted = json.loads((out / "models" / "temperature.json").read_text())["temperature"]
    assert scores["calibration"]["temperature"] == pytest.approx(fitted)
    assert scores["calibration"]["fitted_here"] is False
    assert json.loads((out / "evaluation" / "summary.json").read_text())["metrics"]["auc"] == pytest.approx(
        scores["scores"]["auc"]["value"]
    )


def test_a_folder_with_the_test_part_alone_can_be_evaluated(trained, raw_xrays, tmp_path):
    bundle, out = trained
    shutil.copytree(raw_xrays / "test", tmp_path / "held" / "test")
    run(bundle, "evaluate", out, dataset_dir=str(tmp_path / "held"), output_dir=str(tmp_path / "out"), split="test")
    assert len(table(tmp_path / "out")) == len(list((raw_xrays / "test").rglob("*.jpeg")))


def test_inference_answers_for_each_image_whatever_its_kind(trained, raw_xrays, tmp_path):
    bundle, out = trained
    folder = tmp_path / "pictures"
    folder.mkdir()
    source = sorted((raw_xrays / "test").rglob("*.jpeg"))[0]
    grey = Image.open(source).convert("L")
    grey.save(folder / "grey.png")
    grey.convert("RGB").save(folder / "colour.png")
    Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).save(folder / "sixteen.png")
    grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "mirror.png")
    (folder / "notes.txt").write_text("no image")
    run(bundle, "inference", out, dataset_dir=str(folder), output_dir=str(tmp_path / "out"))
    found = {row["file"].split("/")[-1]: float(row["probability_pneumonia"]) for row in table(tmp_path / "out")}
    assert set(found) == {"grey.png", "colour.png", "sixteen.png", "mirror.png"}
    assert found["colour.png"] == pytest.approx(found["grey.png"], abs=1e-4)
    assert found["sixteen.png"] == pytest.approx(found["grey.png"], abs=0.1)
    assert found["mirror.png"] == pytest.approx(found["grey.png"], abs=0.02)  # both are averaged over mirror images


def test_an_interrupted_run_goes_on(trained, xrays):
    bundle, out = trained
    before = (out / "models" / "model.pt").read_bytes()
    run(bundle, "train", out, dataset_dir=str(xrays))  # finished: nothing is trained
    assert (out / "models" / "model.pt").read_bytes() == before
    run(bundle, "train", out, dataset_dir=str(xrays), max_epochs=3)
    history = [json.loads(line) for line in (out / "eval" / "history.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in history if line["kind"] == "train"] == [1, 2, 3]


@pytest.mark.parametrize("bundle", CLASSIFIERS)
def test_auxiliary_losses_mixing_focal_loss_average_and_freezing_by_override(bundle, xrays, tmp_path):
    run(
        bundle, "train", tmp_path, dataset_dir=str(xrays), max_epochs=2, lambda_seg=0.1, lambda_att=0.01,
        focal_gamma=2.0, mixup_alpha=0.4, cutmix_alpha=1.0, ema_decay=0.9, freeze_epochs=1, schedule="plateau",
        selection_score="log_loss", token_grid=[2, 2], d_model=32, class_weighting=False, balanced_sampling=False,
    )  # fmt: skip
    history = [json.loads(line) for line in (tmp_path / "eval" / "history.jsonl").read_text().splitlines()]
    parts = next(line for line in history if line["kind"] == "train")
    assert {"classification", "segmentation", "attention"} <= set(parts["parts"] if "parts" in parts else parts)
    rates = [line["lr"] for line in history if line["kind"] == "train"]
    assert rates[1] == pytest.approx(0.2 * rates[0])
    weights = torch.load(tmp_path / "models" / "model.pt", weights_only=True)
    assert any(name.startswith("mask_head") for name in weights)


@pytest.mark.parametrize("bundle", CLASSIFIERS)
class TestWrongInputs:
    def test_folders(self, bundle, tmp_path):
        text = failure(bundle, "train", tmp_path, dataset_dir=str(tmp_path / "nowhere"))
        assert str(tmp_path / "nowhere") in text
        assert "does not exist" in text
        assert "tools prepare kermany" in text
        (tmp_path / "empty").mkdir()
        assert "train/" in failure(bundle, "train", tmp_path, dataset_dir=str(tmp_path / "empty"))
        assert "no images in" in failure(bundle, "inference", tmp_path, dataset_dir=str(tmp_path / "empty"))
        assert "pass --dataset_dir FOLDER" in failure(bundle, "inference", tmp_path)
        assert not list(tmp_path.rglob("*.pt"))

    def test_a_class_that_is_missing(self, bundle, raw_xrays, tmp_path):
        shutil.copytree(raw_xrays, tmp_path / "raw")
        shutil.rmtree(tmp_path / "raw" / "train" / "NORMAL")
        text = failure(bundle, "train", tmp_path, dataset_dir=str(tmp_path / "raw"))
        assert "NORMAL" in text

    def test_an_image_that_cannot_be_read(self, bundle, raw_xrays, tmp_path):
        shutil.copytree(raw_xrays, tmp_path / "raw")
        broken = sorted((tmp_path / "raw" / "test" / "NORMAL").glob("*.jpeg"))[0]
        broken.write_bytes(broken.read_bytes()[:300])
        text = failure(bundle, "train", tmp_path, dataset_dir=str(tmp_path / "raw"))
        assert broken.name in text
        text = failure(bundle, "inference", tmp_path, dataset_dir=str(tmp_path / "raw"), load_pretrain=False)
        assert broken.name in text
        assert "must be a readable image" in text

    def test_options_and_weights(self, bundle, xrays, tmp_path):
        text = failure(bundle, "train", tmp_path, batch_sise=2)
        assert "'batch_sise' (did you mean 'batch_size'?)" in text
        for workflow in ("inference", "evaluate"):
            text = failure(
                bundle, workflow, tmp_path, dataset_dir=str(xrays if workflow == "evaluate" else xrays.parent)
            )
            assert "no weights at" in text
        text = failure(bundle, "train", tmp_path, dataset_dir=str(xrays), selection_score="loss")
        assert "selection_score must be one of" in text


@pytest.mark.parametrize("bundle", CLASSIFIERS)
def test_the_default_keeps_the_average_of_its_last_epoch(bundle, xrays, tmp_path, caplog):
    caplog.set_level("INFO", logger="tools.handlers.progress")
    models = str(tmp_path / "models")
    run(bundle, "train", tmp_path, demo=False, dataset_dir=str(xrays), phantom_ckpt_dir=models, logging_file=False)
    summary = json.loads((tmp_path / "eval" / "summary.json").read_text())
    assert (summary["metric"]["name"], summary["metric"]["epoch"]) == ("auc", 2)
    assert 0 <= summary["metric"]["best"] == summary["metrics"]["auc"] <= 1
    assert sum(", auc " in record.message for record in caplog.records) == 2
    weights = torch.load(tmp_path / "models" / "model.pt", weights_only=True)
    last = torch.load(tmp_path / "models" / "last.ckpt", weights_only=True)
    average = last["handlers"]["weight_average"]["average"]
    assert all(torch.equal(value, average[name]) for name, value in weights.items())
    assert not all(torch.equal(value, last["network"][name]) for name, value in weights.items())


@pytest.mark.parametrize("bundle", CLASSIFIERS)
def test_no_average_by_override(bundle, xrays, tmp_path):
    run(
        bundle, "train", tmp_path, demo=False, dataset_dir=str(xrays), phantom_ckpt_dir=str(tmp_path / "models"),
        max_epochs=1, ema_decay=0, img_size=[32, 32],
    )  # fmt: skip
    last = torch.load(tmp_path / "models" / "last.ckpt", weights_only=True)
    assert "weight_average" not in last["handlers"]
    weights = torch.load(tmp_path / "models" / "model.pt", weights_only=True)
    assert all(torch.equal(value, last["network"][name]) for name, value in weights.items())


@pytest.mark.parametrize("bundle", CLASSIFIERS)
def test_what_a_phantom_teaches_goes_to_its_own_folder(bundle, tmp_path):
    run(bundle, "train", tmp_path, max_epochs=1, phantom_ckpt_dir=str(tmp_path / "models" / "phantom"))
    assert (tmp_path / "models" / "phantom" / "model.pt").is_file()
    assert not (tmp_path / "models" / "model.pt").exists()
