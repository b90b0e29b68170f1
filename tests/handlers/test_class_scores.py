"""Scores, tables and pictures of a classifier, from a real evaluator to the report."""

import csv
import json
import math
from collections import Counter

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from monai.data import DataLoader, Dataset, MetaTensor
from monai.engines import SupervisedEvaluator
from monai.transforms import Activationsd, Compose
from torch import nn

from tools.handlers.attention_writer import AttentionWriter
from tools.handlers.class_scores import ClassScores
from tools.handlers.probability_writer import ProbabilityWriter
from tools.report.class_scores import worth
from tools.report.report import build_report
from tools.report.run_files import write_json


class Brightness(nn.Module):
    """Logits (0, 10 * mean - 5): the brighter the image, the surer of class 1."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(10.0))

    def forward(self, x):
        value = self.factor * x[:, 0].mean(dim=(1, 2)) - 5.0
        return torch.stack([torch.zeros_like(value), value], dim=1)

    def attention_map(self, x):
        return torch.ones_like(x[:, :1]) / x[0, 0].numel()

    def activation_map(self, x):
        return x[:, :1] - 0.5


def items(count=30, patients=True, classes=(0, 1)) -> list[dict]:
    rng = np.random.default_rng(0)
    made = []
    for number in range(count):
        label = classes[number % len(classes)]
        level = float(np.clip(0.35 + 0.3 * label + rng.normal(0, 0.15), 0, 1))
        image = MetaTensor(torch.full((2, 8, 8), level), meta={"filename_or_obj": f"/x/test/PART/{number:02d}.jpeg"})
        item = {"image": image, "label": torch.tensor(label)}
        if patients:
            item |= {
                "patient": str(number // 2),
                "subtype": ("normal", "virus", "bacteria")[label + number % 4 // 2 * label],
            }
        made.append(item)
    return made


def evaluate(data, out, handlers=(), **options) -> SupervisedEvaluator:
    network = Brightness()
    metric = ClassScores(output_dir=out, **options)
    built = [handler(network) for handler in handlers]
    evaluator = SupervisedEvaluator(
        device="cpu", val_data_loader=DataLoader(Dataset(data), batch_size=4), network=network,
        postprocessing=Compose([Activationsd("pred", softmax=True)]), key_val_metric={"val_score": metric},
        val_handlers=built,
    )  # fmt: skip
    evaluator.run()
    return evaluator


def expected(data) -> tuple[np.ndarray, np.ndarray]:
    labels = np.array([int(item["label"]) for item in data])
    return labels, np.array([1 / (1 + math.exp(5 - 10 * float(item["image"].mean()))) for item in data])


def test_scores_and_tables_are_those_of_the_images(tmp_path, caplog):
    data = items()
    with caplog.at_level("INFO"):
        evaluator = evaluate(data, tmp_path, detailed=True)
    labels, probabilities = expected(data)
    positive, negative = probabilities[labels == 1], probabilities[labels == 0]
    area = np.mean([(p > q) + 0.5 * (p == q) for p in positive for q in negative])
    metrics = evaluator.state.metrics
    assert metrics["auc"] == metrics["val_score"] == pytest.approx(area, abs=1e-6)
    assert f"30 images of 15 patients: auc {area:.4f} [" in caplog.text
    assert metrics["accuracy"] == pytest.approx(((probabilities >= 0.5) == labels).mean())
    assert metrics["n_images"] == 30
    with open(tmp_path / "predictions.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [f"PART/{number:02d}.jpeg" for number in range(30)]
    assert [float(row["probability_pneumonia"]) for row in rows] == pytest.approx(probabilities, abs=1e-5)
    assert {row["label"] for row in rows} == {"normal", "pneumonia"}
    assert all((row["prediction"] == "pneumonia") == (float(row["probability_pneumonia"]) >= 0.5) for row in rows)
    scores = json.loads((tmp_path / "classes.json").read_text())
    assert scores["scores"]["auc"]["low"] <= area <= scores["scores"]["auc"]["high"]
    assert scores["n_patients"] == 15
    assert scores["calibration"]["fitted_here"] is True
    assert set(scores["subtypes"]) == {"virus", "bacteria"}


def test_the_best_validation_leaves_its_temperature_and_an_evaluation_uses_it(tmp_path):
    models = tmp_path / "models"
    evaluate(items(), tmp_path / "run", checkpoint_dir=models)
    fitted = json.loads((models / "temperature.json").read_text())["temperature"]
    assert 0.05 < fitted < 20
    evaluate(items(), tmp_path / "eval", checkpoint_dir=models, detailed=True)
    scores = json.loads((tmp_path / "eval" / "classes.json").read_text())
    assert scores["calibration"]["temperature"] == fitted
    assert scores["calibration"]["fitted_here"] is False
    assert "calibrated_pneumonia" in (tmp_path / "eval" / "predictions.csv").read_text().splitlines()[0]


def test_a_worse_validation_leaves_the_temperature_alone(tmp_path):
    evaluator = evaluate(items(), tmp_path, checkpoint_dir=tmp_path)
    kept = (tmp_path / "temperature.json").read_text()
    evaluator.network.factor.data.fill_(-10.0)
    evaluator.run()
    assert evaluator.state.metrics["auc"] < 0.5
    assert (tmp_path / "temperature.json").read_text() == kept


def test_a_score_without_a_value_does_not_show_the_last_one():
    metric, engine = ClassScores(("normal", "pneumonia")), Engine(lambda engine, batch: None)
    engine.state.metrics = {}
    for probabilities, expected in (((0.2, 0.9), 1.0), ((0.1, 0.2), None)):
        metric.reset()
        metric.update([{"file": str(label), "label": label, "probability": p} for label, p in enumerate(probabilities)])
        metric.completed(engine, "val_score")
        assert engine.state.metrics.get("precision") == expected
    metric.reset()
    metric.update([{"file": "1", "label": 1, "probability": 0.9}])
    metric.completed(engine, "val_score")
    assert set(engine.state.metrics) == {"n_images", "val_score"}


def test_one_class_is_an_error_for_a_data_set_and_no_score_for_an_annotator(tmp_path):
    with pytest.raises(ValueError, match="this split holds 0 normal, 6 pneumonia"):
        evaluate(items(6, classes=(1,)), tmp_path)
    evaluator = evaluate(items(6, patients=False, classes=(1,)), tmp_path)
    assert math.isnan(evaluator.state.metrics["val_score"])


def test_what_an_epoch_is_chosen_by():
    scores = {"auc": 0.9, "accuracy": 0.8, "balanced_accuracy": 0.7, "log_loss": 0.5}
    assert [worth(scores, name, 3) for name in ("auc", "accuracy", "epoch")] == [0.9, 0.8, 3.0]
    assert worth(scores, "log_loss", 3) > worth(scores | {"log_loss": 3.0}, "log_loss", 4) > 0
    with pytest.raises(ValueError, match="selection_score must be one of auc.*got 'loss'"):
        ClassScores(selection="loss")


def test_probabilities_without_softmax_are_refused(tmp_path):
    network = Brightness()
    evaluator = SupervisedEvaluator(
        device="cpu", val_data_loader=DataLoader(Dataset(items(4)), batch_size=4), network=network,
        val_handlers=[ProbabilityWriter(tmp_path)],
    )  # fmt: skip
    with pytest.raises(ValueError, match="must be the probabilities of two classes"):
        evaluator.run()


def test_inference_writes_one_table_and_pictures(tmp_path):
    data = [{"image": item["image"]} for item in items(6)]
    network, models = Brightness(), tmp_path / "models"
    write_json(models / "temperature.json", {"temperature": 2.0})
    SupervisedEvaluator(
        device="cpu", val_data_loader=DataLoader(Dataset(data), batch_size=4), network=network,
        postprocessing=Compose([Activationsd("pred", softmax=True)]),
        val_handlers=[ProbabilityWriter(tmp_path, checkpoint_dir=models), AttentionWriter(network, tmp_path)],
    ).run()  # fmt: skip
    rows = list(csv.DictReader((tmp_path / "predictions.csv").open(encoding="utf-8")))
    assert list(rows[0]) == [
        "file",
        "probability_normal",
        "probability_pneumonia",
        "prediction",
        "calibrated_pneumonia",
    ]
    for row in rows:
        p, q = float(row["probability_pneumonia"]), float(row["calibrated_pneumonia"])
        assert abs(q - 0.5) <= abs(p - 0.5)
        assert (p >= 0.5) == (q >= 0.5)
    entries = json.loads((tmp_path / "attention" / "index.json").read_text())
    assert [entry["kind"] for entry in entries] == ["unlabelled"] * 6
    write_json(tmp_path / "summary.json", {"bundle": "x", "workflow": "inference"})
    called = Counter(row["prediction"] for row in rows)
    text = build_report(tmp_path).read_text()
    assert f"6 images: {called['normal']} called normal, {called['pneumonia']} called pneumonia." in text
    for row in rows:
        assert f"<td>{row['file']}</td><td>{row['probability_normal']}</td>" in text
    assert all((tmp_path / "attention" / entry["picture"]).stat().st_size > 1000 for entry in entries)


def test_pictures_show_the_worst_and_the_surest_and_the_report_holds_them(tmp_path):
    data = items()
    evaluate(
        data, tmp_path, handlers=[lambda network: AttentionWriter(network, tmp_path, wrong=2, correct=2)], detailed=True
    )
    labels, probabilities = expected(data)
    errors = np.abs(labels - probabilities)
    entries = json.loads((tmp_path / "attention" / "index.json").read_text())
    wrong = [entry["file"] for entry in entries if entry["kind"] == "wrong"]
    assert wrong == [f"PART/{number:02d}.jpeg" for number in np.argsort(-errors)[:2]]
    correct = [entry for entry in entries if entry["kind"] == "correct"]
    assert sorted(entry["label"] for entry in correct) == [0, 1]
    write_json(tmp_path / "summary.json", {"bundle": "x", "metrics": {"auc": 0.9, "accuracy": 0.8}})
    text = build_report(tmp_path).read_text()
    for wanted in ("ROC AUC", "By subtype", "Attention", "Sensitivity at a specificity", "Temperature", "bacteria"):
        assert wanted in text
    assert "after epoch" not in text
    assert "Intervals: 95 %" in text
    evaluate(data, tmp_path / "training")
    write_json(tmp_path / "training" / "summary.json", {"bundle": "x", "metrics": {"auc": 0.9, "accuracy": 0.8}})
    trained = build_report(tmp_path / "training").read_text()
    assert "Classes after epoch 1" in trained
    assert "Intervals: 95 %" not in trained
    assert (tmp_path / "roc_curve.png").is_file()
    assert "http" not in text.split("</style>")[1].replace("http://www.w3.org", "")


@pytest.mark.parametrize("threshold", [0, 1, 50, -0.5])
def test_a_threshold_that_is_no_probability_is_refused(threshold, tmp_path):
    for build in (lambda: ClassScores(threshold=threshold), lambda: ProbabilityWriter(tmp_path, threshold=threshold)):
        with pytest.raises(ValueError, match=rf"threshold is a probability, .* got {threshold}; 50 % is"):
            build()
