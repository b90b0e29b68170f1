"""PatientScores: a case worked by hand, the conventions for empty masks, and what counts as one patient."""

import csv
import json
import math

import pytest
import torch
from ignite.engine import Engine
from monai.data import MetaTensor

from tests.handlers.scored_volumes import AFFINE, HAND_LABEL, HAND_PRED, engine_with, volume
from tools.handlers.patient_scores import PatientScores
from tools.handlers.volume_overlap import overlap_ml
from tools.report.sections.patients import patients


def test_a_case_worked_by_hand(tmp_path):
    metric = PatientScores(output_dir=tmp_path)
    engine = engine_with([[(volume(*HAND_PRED), volume(*HAND_LABEL), "a")]], metric)
    expected = {
        "val_mean_dice": 0.5,
        "dice": 0.5,
        "iou": 2 / 6,
        "sensitivity": 0.5,
        "specificity": 114 / 116,
        "precision": 0.5,
        "accuracy": 116 / 120,
        "volume_ml": 0.08,
        "target_ml": 0.08,
        "false_positive_ml_on_empty_slices": 0.02,
        "n_patients": 1,
        "n_empty": 0,
    }
    assert engine.state.metrics == pytest.approx(expected)
    with open(tmp_path / "patients.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["patient"] == "a"
    assert float(row["dice"]) == 0.5
    table = json.loads((tmp_path / "patients.json").read_text())
    assert table["rows"][0]["iou"] == pytest.approx(1 / 3)
    assert table["summary"]["target"]["dice"]["low"] is None


@pytest.mark.parametrize("detailed", [False, True])
def test_without_a_known_spacing_nothing_in_mm_or_ml_is_reported(tmp_path, detailed):
    def step(engine, batch):
        engine.state.batch = [{"patient": patient, "spacing_known": known} for _, _, patient, known in batch]
        return [{"pred": pred, "label": label} for pred, label, _, _ in batch]

    engine = Engine(step)
    PatientScores(output_dir=tmp_path, detailed=detailed).attach(engine, "val_mean_dice")
    pair = volume(*HAND_PRED), volume(*HAND_LABEL)
    engine.run([[(*pair, "a", True), (*pair, "b", torch.tensor(False))]])
    assert engine.state.metrics["dice"] == pytest.approx(0.5)
    told = set(engine.state.metrics) | set(engine.state.patient_scores["summary"]["target"])
    with open(tmp_path / "patients.csv", newline="") as file:
        told |= set(next(csv.reader(file)))
    assert not [name for name in told if "_ml" in name or "_mm" in name or "surface" in name]
    assert ("lesions_found" in told) == detailed
    (page,) = [part for part in patients(engine.state.patient_scores) if "spacing is not known" in part]
    assert "nothing in mm or ml" in page


def test_empty_masks():
    nothing, something = volume(), volume((1, 1, 1))
    batches = [[(nothing, nothing, "none")], [(something, nothing, "false")], [(nothing, something, "missed")]]
    engine = engine_with(batches, PatientScores())
    rows = {row["patient"]: row for row in engine.state.patient_scores["rows"]}
    assert math.isnan(rows["none"]["dice"])
    assert math.isnan(rows["none"]["iou"])
    assert rows["none"]["specificity"] == 1.0
    assert rows["false"]["dice"] == rows["false"]["iou"] == rows["missed"]["dice"] == rows["missed"]["iou"] == 0.0
    assert math.isnan(rows["false"]["sensitivity"])
    assert rows["missed"]["sensitivity"] == 0.0
    assert math.isnan(rows["missed"]["precision"])
    assert rows["false"]["false_positive_ml_on_empty_slices"] == pytest.approx(0.02)
    assert engine.state.metrics["n_empty"] == 1
    assert engine.state.metrics["dice"] == 0.0


def test_nobody_with_a_dice_is_zero_and_said(caplog):
    engine = engine_with([[(volume(), volume(), "a")]], PatientScores())
    assert engine.state.metrics["val_mean_dice"] == 0.0
    assert "dice" not in engine.state.metrics
    assert "No patient has a target or a prediction" in caplog.text


def test_the_mean_is_over_patients_not_over_voxels():
    large = volume(*[(x, y, 0) for x in range(4) for y in range(5)])
    wrong = (volume((0, 0, 0)), volume((1, 1, 1)), "small")
    engine = engine_with([[(large, large, "large"), wrong]], PatientScores())
    assert engine.state.metrics["val_mean_dice"] == pytest.approx(0.5)


def test_scans_of_one_patient_are_added_and_the_same_scan_counts_once():
    first = (volume((0, 0, 0)), volume((0, 0, 0), file="1.nii"), "a")
    second = (volume(), volume((0, 0, 0), (0, 0, 1), file="2.nii"), "a")
    engine = engine_with([[first], [second], [first]], PatientScores())
    (row,) = engine.state.patient_scores["rows"]
    assert row["dice"] == pytest.approx(2 * 1 / (1 + 3))
    assert row["target_ml"] == pytest.approx(0.06)


def test_a_second_run_starts_from_nothing():
    metric = PatientScores()
    engine = engine_with([[(volume((0, 0, 0)), volume((0, 0, 0)), "a")]], metric)
    engine.run([[(volume((0, 0, 0)), volume((1, 1, 1)), "b")]])
    assert engine.state.metrics["val_mean_dice"] == 0.0
    assert engine.state.metrics["n_patients"] == 1


def test_a_score_without_a_value_does_not_show_the_last_one():
    engine = engine_with([[(volume(*HAND_PRED), volume(*HAND_LABEL), "a")]], PatientScores(detailed=True))
    assert engine.state.metrics["precision"] == 0.5
    engine.run([[(volume(), volume(*HAND_LABEL), "a")]])
    assert engine.state.metrics["dice"] == 0.0
    assert "precision" not in engine.state.metrics
    engine.run([[(volume(), volume(), "a")]])
    assert not {"dice", "pooled_dice", "slice_dice"} & set(engine.state.metrics)


def test_slices_are_counted_along_the_body_on_a_permuted_grid():
    permuted = AFFINE[[2, 0, 1, 3]]  # the first voxel axis points along y, the second to the head
    prediction = volume((0, 0, 0), (0, 1, 0), affine=permuted)
    label = volume((3, 0, 5), affine=permuted)
    slice_axis = int(permuted[2, :3].abs().argmax())
    assert slice_axis == 1
    assert overlap_ml(prediction, label)[0]["false_positive_on_empty_slices"] == pytest.approx(0.02)


def test_classes_are_named_and_background_is_left_out():
    onehot = torch.zeros(3, 4, 4, 2)
    onehot[0] = 1
    onehot[1, 0, 0, 0] = onehot[2, 1, 1, 1] = 1
    label = MetaTensor(onehot, affine=AFFINE)
    prediction = onehot.clone()
    prediction[2] = 0
    engine = engine_with([[(prediction, label, "a")]], PatientScores(("tumour", "node"), first_channel=1))
    assert set(engine.state.patient_scores["summary"]) == {"tumour", "node"}
    assert engine.state.metrics["dice"] == pytest.approx(0.5)
    with pytest.raises(ValueError, match="got 2 channels to score and 1 class names"):
        PatientScores(first_channel=1).update(([prediction], [label]))


def test_a_patient_without_a_name_is_named_by_its_file():
    metric = PatientScores()
    metric.update(([volume((0, 0, 0))], [volume((0, 0, 0), file="/data/LUNG1-001.nii.gz")]))
    metric.compute()
    assert metric.rows[0]["patient"] == "LUNG1-001"


def test_collated_batches_name_their_patients_too():
    engine = Engine(lambda engine, batch: {"pred": batch["pred"], "label": batch["label"]})
    PatientScores(output_transform=lambda out: (out["pred"], out["label"])).attach(engine, "d")
    engine.run([{"pred": [volume((0, 0, 0))], "label": [volume((0, 0, 0))], "patient": ["p7"]}])
    assert engine.state.patient_scores["rows"][0]["patient"] == "p7"


def test_wrong_inputs_are_named():
    with pytest.raises(TypeError, match="needs a label with an affine"):
        overlap_ml(torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 2))
    with pytest.raises(ValueError, match="of one shape, got .* restore the prediction with Invertd"):
        overlap_ml(torch.zeros(1, 2, 2, 3), volume(shape=(2, 2, 2)))
