"""Four numbers called Dice, of the same masks."""

import pytest

from tools.report.dice_kinds import dice_kinds
from tools.report.patient_table import OVERLAPS


def case(patient, voxels, slices=(1, 1.0), voxel_ml=0.01, file=None):
    """Return a scan from counts of voxels: hit, extra, missed, rest, extra on slices without target."""
    overlap = {name: count * voxel_ml for name, count in zip(OVERLAPS, voxels, strict=True)}
    more = {"voxel_ml": voxel_ml, "slices": slices[0], "slice_dice_sum": slices[1]}
    return {"patient": patient, "file": file or patient, "class": "t", **overlap, **more}


def values(cases):
    """Return the four numbers."""
    return {kind: found["value"] for kind, found in dice_kinds(cases)["t"].items()}


def test_pooling_counts_voxels_whatever_their_size():
    coarse, fine = case("a", (10, 0, 0, 0, 0), voxel_ml=0.08), case("b", (0, 10, 10, 0, 0), voxel_ml=0.01)
    assert values([coarse, fine])["pooled"] == pytest.approx(20 / 40)
    assert values([coarse, fine])["per_case"] == pytest.approx(0.5)


def test_false_alarms_elsewhere_are_only_seen_by_the_honest_kinds():
    quiet, loud = case("a", (10, 0, 0, 0, 0), (2, 2.0)), case("a", (10, 30, 0, 0, 30), (5, 2.0))
    assert values([quiet])["pooled_on_target_slices"] == values([loud])["pooled_on_target_slices"] == 1.0
    assert values([loud])["pooled"] == pytest.approx(20 / 50)
    assert values([loud])["per_slice"] == pytest.approx(0.4)


def test_scans_of_a_patient_are_added_and_the_same_scan_counts_once():
    one, two = case("a", (1, 0, 1, 0, 0), file="1"), case("a", (0, 1, 1, 0, 0), file="2")
    assert values([one, two, one])["per_case"] == pytest.approx(2 / 5)
    assert values([one, two, one])["pooled"] == pytest.approx(2 / 5)


def test_nobody_with_a_target_or_a_prediction():
    assert set(values([case("a", (0, 0, 0, 9, 0), (0, 0.0))]).values()) == {None}
    assert dice_kinds([]) == {}
