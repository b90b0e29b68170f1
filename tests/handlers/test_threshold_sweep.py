"""ThresholdSweep: the Dice of masks cut at each threshold, on every rank, and a warning where it must not be used."""

import json

import pytest
import torch
from ignite.engine import Engine
from monai.data import MetaTensor
from monai.transforms import AsDiscrete

from tools.handlers.patient_scores import PatientScores
from tools.handlers.threshold_sweep import ThresholdSweep, counts_above

AFFINE = torch.diag(torch.tensor([2.0, 2.5, 4.0, 1.0], dtype=torch.float64))


def case(name, seed, target=True, channels=1):
    """Return a patient with random probabilities, higher on the target."""
    make = torch.Generator().manual_seed(seed)
    label = torch.zeros(channels, 6, 7, 5)
    if target:
        label[:, 1:4, 2:5, 1:4] = 1
    prob = 0.7 * torch.rand(label.shape, generator=make) + 0.3 * label
    return {"patient": name, "prob": prob, "label": MetaTensor(label, affine=AFFINE)}


def run(folder, cases, **kwargs):
    """Return sweep.json of an evaluation of the cases, one a batch."""

    def step(engine, batch):
        engine.state.batch = [batch]
        return [batch]

    engine = Engine(step)
    ThresholdSweep(folder, **kwargs).attach(engine)
    engine.run(cases)
    return json.loads((folder / "sweep.json").read_text())


def dice_at(threshold, cases, **kwargs):
    """Return the mean Dice that PatientScores gives to masks cut at a threshold."""
    metric = PatientScores(**kwargs)
    cut = AsDiscrete(threshold=threshold)
    metric.update(([cut(one["prob"]) for one in cases], [one["label"] for one in cases], [c["patient"] for c in cases]))
    return metric.compute()


def test_each_point_of_the_curve_is_the_dice_of_masks_cut_there(tmp_path):
    cases = [case("a", 1), case("b", 2), case("c", 3, target=False), case("a", 4)]
    for number, one in enumerate(cases):
        one["label"].meta["filename_or_obj"] = f"{number}.nii"
    sweep = run(tmp_path, cases, thresholds=[0.25, 0.5, 0.75], threshold=0.4)
    assert sweep["thresholds"] == [0.25, 0.4, 0.5, 0.75]
    curve = [values["mean"] for values in sweep["classes"]["target"]["per_case"]]
    assert curve == pytest.approx([dice_at(at, cases) for at in sweep["thresholds"]])
    assert sweep["classes"]["target"]["n_patients"] == 3
    assert sweep["classes"]["target"]["per_case"][0]["n"] == 3
    assert sweep["classes"]["target"]["per_case"][-1]["n"] == 2, "nothing predicted without a target: no Dice"


def test_the_best_threshold_is_stored_with_the_part_it_was_chosen_on(tmp_path):
    label = torch.zeros(1, 4, 4, 4)
    label[0, :2] = 1
    prob = torch.where(label > 0, 0.62, 0.33)
    one = {"patient": "a", "prob": prob, "label": MetaTensor(label, affine=AFFINE)}
    sweep = run(tmp_path, [one], split="validation")
    assert sweep["split"] == "validation"
    assert sweep["classes"]["target"]["best"] == {"threshold": 0.5, "dice": 1.0}  # the middle of 0.35 to 0.6
    assert sweep["classes"]["target"]["best_pooled"] == {"threshold": 0.5, "dice": 1.0}
    assert [values["mean"] for values in sweep["classes"]["target"]["per_case"]][-1] == 0.0


def test_pooled_weighs_voxels(tmp_path):
    small, large = case("a", 1), case("b", 2)
    large["label"][:] = 1
    large["prob"] = torch.full_like(large["prob"], 0.99)
    pooled = run(tmp_path, [small, large])["classes"]["target"]["pooled"]
    per_case = json.loads((tmp_path / "sweep.json").read_text())["classes"]["target"]["per_case"]
    assert pooled[1]["value"] > per_case[1]["mean"] + 0.1


def test_a_voxel_at_the_threshold_is_in_the_mask_and_one_without_a_number_is_not():
    prob = torch.tensor([0.3, 0.5, float("nan"), 0.7]).reshape(1, 2, 2)
    target = torch.tensor([True, True, True, False]).reshape(1, 2, 2)
    counts = counts_above(prob, target, [0.3, 0.5, 0.6])
    assert counts == {"predicted": [3, 2, 1], "hit": [2, 1, 0], "target": 3}
    mask = AsDiscrete(threshold=0.3)(prob)
    assert int(mask.sum()) == counts["predicted"][0]


def test_every_class_has_its_own_curve(tmp_path):
    cases = [case("a", 1, channels=3)]
    sweep = run(tmp_path, cases, class_names=("tumour", "node"), first_channel=1)
    assert set(sweep["classes"]) == {"tumour", "node"}
    with pytest.raises(ValueError, match="ThresholdSweep got 2 channels to score and 1 class names"):
        run(tmp_path, cases, first_channel=1)


def test_wrong_inputs_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"must be between 0 and 1, got \[1.0, 0\]"):
        ThresholdSweep(tmp_path, thresholds=[0.5, 1.0], threshold=0)
    with pytest.raises(KeyError, match="copy the probabilities with CopyItemsd before AsDiscreted"):
        run(tmp_path, [{"patient": "a", "pred": torch.zeros(1, 2, 2, 2)}])
    one = {**case("a", 1), "prob": torch.zeros(1, 2, 2, 2)}
    with pytest.raises(ValueError, match="of one shape, got .* restore the prediction with Invertd"):
        run(tmp_path, [one])


@pytest.mark.parametrize("rank", [0, 1])
def test_rank_0_writes_for_all(tmp_path, monkeypatch, rank):
    here, there = case("a", 1), case("b", 2)
    alone = run(tmp_path / "alone", [here, there])
    sweep = ThresholdSweep(tmp_path)
    monkeypatch.setattr("ignite.distributed.get_rank", lambda: rank)
    other = [{**counts_above(there["prob"][0], there["label"][0] > 0, sweep.thresholds)}]
    facts = {"patient": "b", "file": "b", "class": "target", "voxel_ml": 0.02}

    def gather(mine):
        return [mine, [{**facts, **other[0]}], mine]  # a case comes twice, as a sampler pads

    monkeypatch.setattr("ignite.distributed.all_gather", gather)
    engine = Engine(lambda engine, batch: [batch])
    sweep.attach(engine)
    engine.run([here])
    assert (tmp_path / "sweep.json").exists() == (rank == 0)
    if rank == 0:
        both = json.loads((tmp_path / "sweep.json").read_text())["classes"]["target"]
        assert both["n_patients"] == 2
        assert both["per_case"] == alone["classes"]["target"]["per_case"]
