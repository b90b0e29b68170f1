"""PatientScores: a case worked by hand, the conventions for empty masks, and agreement of two ranks."""

import csv
import json
import math
import socket

import pytest
import torch
import torch.multiprocessing as mp
from ignite.engine import Engine
from monai.data import MetaTensor

from tools.handlers.patient_scores import PatientScores
from tools.handlers.volume_overlap import overlap_ml
from tools.report.sections.patients import patients

AFFINE = torch.diag(torch.tensor([2.0, 2.5, 4.0, 1.0], dtype=torch.float64))  # 0.02 ml a voxel


def volume(*voxels, shape=(4, 5, 6), file="", affine=AFFINE):
    """Return a binary volume (1, X, Y, Z) with the given voxels set."""
    mask = torch.zeros(shape)
    for voxel in voxels:
        mask[voxel] = 1
    return MetaTensor(mask[None], affine=affine, meta={"filename_or_obj": file})


HAND_PRED = ((0, 0, 0), (0, 1, 0), (1, 1, 3), (2, 2, 5))
HAND_LABEL = ((0, 0, 0), (0, 1, 0), (0, 2, 0), (3, 3, 3))


def engine_with(batches, metric, name="val_mean_dice"):
    """Return an engine that has run over batches of (pred, label, patient)."""

    def step(engine, batch):
        engine.state.batch = [{"patient": patient} for _, _, patient in batch]
        return [{"pred": pred, "label": label} for pred, label, _ in batch]

    engine = Engine(step)
    metric.attach(engine, name)
    engine.run(batches)
    return engine


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


def box(*sides, shape=(12, 12, 8), **kwargs):
    """Return a binary volume (1, X, Y, Z) with boxes set, each (from, to) of three axes."""
    boxes = torch.zeros(shape)
    for side in sides:
        boxes[tuple(slice(*ends) for ends in side)] = 1
    return MetaTensor(
        boxes[None], affine=kwargs.pop("affine", AFFINE), meta={"filename_or_obj": kwargs.get("file", "")}
    )


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


def test_volumes_without_any_name_are_told_apart_on_different_ranks(monkeypatch):
    patients = []
    for rank in (0, 1):
        monkeypatch.setattr("ignite.distributed.get_rank", lambda rank=rank: rank)
        metric = PatientScores()
        metric.update(([volume((0, 0, 0))] * 2, [volume((0, 0, 0))] * 2))
        patients += [item["patient"] for item in metric.cases]
    assert len(set(patients)) == 4


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


def score_on_rank(rank, world_size, port, folder):
    """Score three patients on two ranks (two here, one there) and keep what each rank found."""
    import ignite.distributed as idist

    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=world_size)
    idist.sync()
    perfect, wrong = (volume((0, 0, 0)), volume((0, 0, 0))), (volume((0, 0, 0)), volume((1, 1, 1)))
    half = (volume(*HAND_PRED), volume(*HAND_LABEL))
    batches = [[[(*perfect, "a")], [(*wrong, "b")]], [[(*half, "c")]], []][rank]
    metric = PatientScores(output_dir=folder / str(rank), detailed=True)
    engine = engine_with(batches, metric) if batches else None
    if engine is None:
        metric = PatientScores()
        metric.reset()
        metrics = {"val_mean_dice": metric.compute(), "n_patients": len(metric.rows)}
    else:
        metrics = engine.state.metrics
    (folder / f"{rank}.json").write_text(json.dumps(metrics))
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_ranks_with_unequal_counts_agree(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.start_processes(score_on_rank, (3, port, tmp_path), nprocs=3, start_method="fork")
    first, second, idle = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(3))
    assert first == second
    assert first["val_mean_dice"] == idle["val_mean_dice"] == pytest.approx(0.5)
    assert first["n_patients"] == idle["n_patients"] == 3
    # of the four voxels of HAND_PRED, two are on the label, one is 2 x 2 voxels away and one 1 x 1 x 2
    near, far = math.hypot(4, 5), math.hypot(2, 2.5, 8)
    distances = {"perfect": 0, "wrong": math.hypot(2, 2.5, 4), "half": near + 0.85 * (far - near)}
    assert first["hd95_mm"] == pytest.approx(sum(distances.values()) / 3)
    lesions = json.loads((tmp_path / "0" / "patients.json").read_text())["summary"]["target"]["lesions"]
    assert (lesions["found"], lesions["missed"], lesions["false"]) == (2, 2, 3)
    assert (tmp_path / "0" / "patients.csv").read_text().count("\n") == 4
    assert not (tmp_path / "1").exists()
