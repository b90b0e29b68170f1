"""PatientScores in detail: surfaces, lesions and four kinds of Dice, against cases worked by hand."""

import csv
import json
import math

import pytest
import torch

from tests.handlers.scored_volumes import box, engine_with
from tools.handlers.patient_scores import PatientScores

LESION, SECOND, FALSE = ((1, 5), (1, 5), (1, 4)), ((8, 10), (8, 10), (1, 3)), ((8, 11), (1, 4), (6, 8))


def test_detailed_scores_of_a_case_worked_by_hand(tmp_path):
    shifted = ((2, 6), (1, 5), (1, 4))  # by one voxel of 2 mm
    batches = [
        [(box(shifted), box(LESION), "shifted")],
        [(box(LESION, FALSE), box(LESION, SECOND), "lesions")],
        [(box(), box(LESION), "missed")],
        [(box(), box(), "nothing")],
    ]
    engine = engine_with(batches, PatientScores(output_dir=tmp_path, detailed=True))
    rows = {row["patient"]: row for row in engine.state.patient_scores["rows"]}
    assert rows["shifted"]["surface_dice"] == 1.0
    assert rows["shifted"]["hd95_mm"] == pytest.approx(2.0)
    assert rows["shifted"]["volume_error_ml"] == 0.0
    lesions = {name: [rows["lesions"][f"lesions_{name}"]] for name in ("found", "missed", "false")}
    assert lesions == {"found": [1], "missed": [1], "false": [1]}
    assert rows["lesions"]["volume_error_ml"] == pytest.approx((18 - 8) * 0.02)
    assert rows["missed"]["surface_dice"] == rows["missed"]["dice"] == 0.0
    assert rows["missed"]["hd95_mm"] == pytest.approx(math.sqrt(24**2 + 30**2 + 32**2))
    assert rows["missed"]["absolute_volume_error_ml"] == pytest.approx(48 * 0.02)
    assert math.isnan(rows["nothing"]["hd95_mm"])
    assert rows["nothing"]["volume_error_ml"] == 0.0
    table = json.loads((tmp_path / "patients.json").read_text())
    assert table["conventions"] == {
        "detailed": True, "surface_tolerance_mm": 2.0, "lesion_overlap": 0.1, "lesion_connectivity": 26
    }  # fmt: skip
    of_class = table["summary"]["target"]
    assert (of_class["n_empty"], of_class["n_one_empty"], of_class["hd95_mm"]["n"]) == (1, 1, 3)
    assert {key: of_class["lesions"][key] for key in ("found", "missed", "false")} == {
        "found": 2,
        "missed": 2,
        "false": 1,
    }
    assert of_class["lesions"]["sensitivity"]["value"] == 0.5
    assert engine.state.metrics["surface_dice"] == pytest.approx(of_class["surface_dice"]["mean"])
    with open(tmp_path / "patients.csv", newline="") as file:
        lines = {line["patient"]: line for line in csv.DictReader(file)}
    assert float(lines["shifted"]["hd95_mm"]) == 2.0
    assert lines["nothing"]["hd95_mm"] == ""


def test_the_tolerance_is_what_is_asked_for():
    batches = [[(box(((2, 6), (1, 5), (1, 4))), box(LESION), "shifted")]]
    dices = {
        tolerance: engine_with(batches, PatientScores(detailed=True, surface_tolerance_mm=tolerance)).state.metrics
        for tolerance in (0.0, 2.0)
    }
    assert dices[0.0]["surface_dice"] < 0.8
    assert dices[2.0]["surface_dice"] == 1.0
    with pytest.raises(ValueError, match="surface_tolerance_mm must be 0 or more and lesion_overlap in"):
        PatientScores(surface_tolerance_mm=-1)
    with pytest.raises(ValueError, match="lesion_overlap in .*, got 2.0 and 0"):
        PatientScores(lesion_overlap=0)


def test_four_kinds_of_dice_come_from_one_run():
    small, shape = box(((0, 1), (0, 2), (0, 1))), (12, 12, 8)
    half = box(((0, 1), (0, 1), (0, 1)))  # one of two voxels, in one slice
    large = box(((0, 10), (0, 10), (2, 4)))  # 200 voxels in two slices
    alarm = box(((0, 10), (0, 10), (2, 4)), ((0, 5), (0, 10), (6, 7)))  # and 50 false ones in a third
    batches = [[(half, small, "small"), (alarm, large, "large")]]
    engine = engine_with(batches, PatientScores())
    kinds = engine.state.patient_scores["summary"]["target"]["dice_kinds"]
    values = {kind: values["value"] for kind, values in kinds.items()}
    assert small.shape[1:] == shape
    assert values == {
        "per_case": pytest.approx((2 / 3 + 400 / 450) / 2),
        "per_slice": pytest.approx((2 / 3 + 1 + 1 + 0) / 4),
        "pooled": pytest.approx((2 + 400) / (3 + 450)),
        "pooled_on_target_slices": pytest.approx((2 + 400) / (3 + 400)),
    }
    assert kinds["pooled"]["low"] is None
    assert "pooled_dice" not in engine.state.metrics, "validation stays as it was"
    detailed = engine_with(batches, PatientScores(detailed=True)).state.metrics
    assert detailed["pooled_dice"] == values["pooled"]
    assert detailed["slice_dice"] == values["per_slice"]


def test_detailed_scores_of_several_scans_and_classes():
    one = torch.cat([box(LESION), box()]), torch.cat([box(LESION), box(SECOND)]), "a"
    two = torch.cat([box(FALSE), box()]), torch.cat([box(LESION, file="2.nii"), box(file="2.nii")]), "a"
    for number, (_, label, _) in enumerate((one, two)):
        label.meta["filename_or_obj"] = f"{number}.nii"
    engine = engine_with([[one], [two], [one]], PatientScores(("tumour", "node"), detailed=True))
    rows = {row["class"]: row for row in engine.state.patient_scores["rows"]}
    assert [rows["tumour"][f"lesions_{name}"] for name in ("found", "missed", "false")] == [1, 1, 1]
    assert [rows["node"][f"lesions_{name}"] for name in ("found", "missed", "false")] == [0, 1, 0]
    first, second = engine.state.patient_scores["summary"], rows["tumour"]["hd95_mm"]
    assert set(first) == {"tumour", "node"}
    alone = engine_with([[two]], PatientScores(("tumour", "node"), detailed=True)).state.patient_scores["rows"]
    assert second == pytest.approx((0.0 + alone[1]["hd95_mm"]) / 2)
    assert rows["node"]["hd95_mm"] > 40, "the scan without either has no distance and is left out"


def test_validation_does_not_measure_surfaces(monkeypatch):
    for name in ("surface_scores", "lesion_counts"):
        monkeypatch.setattr(f"tools.handlers.patient_scores.{name}", lambda *args: 1 / 0)
    engine = engine_with([[(box(LESION), box(LESION), "a")]], PatientScores())
    assert engine.state.metrics["dice"] == 1.0
    assert engine.state.patient_scores["conventions"] == {"detailed": False}
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        engine_with([[(box(LESION), box(LESION), "a")]], PatientScores(detailed=True))
