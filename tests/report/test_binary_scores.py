"""Scores of two classes against cases counted by hand."""

import math

import numpy as np
import pytest
from monai.metrics import compute_roc_auc
from torch import tensor

from tools.report.binary_scores import (
    auc,
    bootstrap_intervals,
    by_subtype,
    class_report,
    counts_at,
    roc_curve,
    scores_of,
    sensitivity_at,
)
from tools.report.calibration import (
    expected_calibration_error,
    fit_temperature,
    log_loss,
    reliability,
    with_temperature,
)

LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1])
PROBABILITIES = np.array([0.1, 0.4, 0.35, 0.6, 0.8, 0.4, 0.9, 0.7, 0.2])


def random_case(n=200, seed=0):
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.6).astype(int)
    return labels, np.round(np.clip(rng.normal(0.35 + 0.3 * labels, 0.2), 0, 1), 2)


def test_auc_is_the_chance_of_the_right_order():
    pairs = [(p, q) for p in PROBABILITIES[LABELS == 1] for q in PROBABILITIES[LABELS == 0]]
    expected = sum((p > q) + 0.5 * (p == q) for p, q in pairs) / len(pairs)
    assert auc(LABELS, PROBABILITIES) == pytest.approx(expected)
    labels, probabilities = random_case()
    assert auc(labels, probabilities) == pytest.approx(compute_roc_auc(tensor(probabilities), tensor(labels)), abs=1e-6)


def test_weights_count_as_copies_do():
    weights = np.array([2, 1, 0, 1, 3, 1, 1, 0, 1])
    copies = np.repeat(np.arange(9), weights)
    assert auc(LABELS, PROBABILITIES, weights) == pytest.approx(auc(LABELS[copies], PROBABILITIES[copies]))
    weighted, copied = scores_of(LABELS, PROBABILITIES, 0.5, weights), scores_of(LABELS[copies], PROBABILITIES[copies])
    assert weighted == pytest.approx(copied)


def test_one_class_has_no_area():
    assert math.isnan(auc(np.ones(3), np.array([0.1, 0.2, 0.3])))


def test_counts_and_scores_at_the_threshold():
    assert counts_at(LABELS, PROBABILITIES, 0.5) == {"tp": 3, "fp": 1, "tn": 3, "fn": 2}
    scores = scores_of(LABELS, PROBABILITIES)
    assert scores["accuracy"] == pytest.approx(6 / 9)
    assert scores["sensitivity"] == pytest.approx(3 / 5)
    assert scores["specificity"] == pytest.approx(3 / 4)
    assert scores["precision"] == pytest.approx(3 / 4)
    assert scores["npv"] == pytest.approx(3 / 5)
    assert scores["f1"] == pytest.approx(6 / 9)
    assert counts_at(LABELS, PROBABILITIES, 0.6)["fp"] == 1, "a probability at the threshold is positive"
    rows = class_report(LABELS, PROBABILITIES, ("normal", "pneumonia"))
    assert [row["class"] for row in rows] == ["normal", "pneumonia"]
    assert rows[0] == pytest.approx({"class": "normal", "precision": 3 / 5, "recall": 3 / 4, "f1": 6 / 9, "support": 4})
    assert rows[1]["support"] == 5


def test_roc_curve_goes_from_corner_to_corner_and_has_the_area():
    labels, probabilities = random_case()
    false, true, thresholds = roc_curve(labels, probabilities)
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(true, false) == pytest.approx(auc(labels, probabilities))
    for at in (1, len(thresholds) // 2):
        found = counts_at(labels, probabilities, thresholds[at])
        assert true[at] == pytest.approx(found["tp"] / (labels == 1).sum())


def test_sensitivity_at_a_specificity():
    assert sensitivity_at(LABELS, PROBABILITIES, 1.0) == pytest.approx(3 / 5)
    assert sensitivity_at(LABELS, PROBABILITIES, 0.75) == pytest.approx(3 / 5)
    assert sensitivity_at(LABELS, PROBABILITIES, 0.5) == pytest.approx(4 / 5)


def test_intervals_are_by_patient():
    labels, probabilities = random_case(400)

    def score(weights):
        return scores_of(labels, probabilities, 0.5, weights)

    alone = bootstrap_intervals(score, [str(number) for number in range(400)])
    low, high = alone["auc"]
    assert low < auc(labels, probabilities) < high
    families = bootstrap_intervals(score, [str(number // 20) for number in range(400)])
    copied = np.tile(np.arange(40), 10)
    few = {
        "rows": bootstrap_intervals(lambda w: scores_of(labels[copied], probabilities[copied], 0.5, w), range(400)),
        "patients": bootstrap_intervals(lambda w: scores_of(labels[copied], probabilities[copied], 0.5, w), copied),
    }
    width = {name: found["accuracy"][1] - found["accuracy"][0] for name, found in few.items()}
    assert width["patients"] > 2 * width["rows"], "ten copies of a patient are no ten patients"
    assert families.keys() == alone.keys()
    assert bootstrap_intervals(score, ["a"] * 200 + ["b"] * 200) == {}


def test_no_interval_is_claimed_where_all_are_right():
    labels = np.array([0, 1] * 15)
    found = bootstrap_intervals(
        lambda w: scores_of(labels, 0.3 + 0.6 * labels * (labels.cumsum() > 2), 0.5, w), range(30)
    )
    assert "specificity" not in found
    assert found["sensitivity"][0] < found["sensitivity"][1] == 1


def test_subtypes_are_compared_with_all_normals():
    kinds = ["normal"] * 4 + ["virus", "virus", "bacteria", "bacteria", "bacteria"]
    found = by_subtype(LABELS, PROBABILITIES, kinds)
    assert found.keys() == {"bacteria", "virus"}
    assert found["virus"]["n"] == 2
    assert found["virus"]["auc"] == pytest.approx((4 + 2.5) / 8)
    assert found["bacteria"]["sensitivity"] == pytest.approx(2 / 3)


def test_calibration_of_a_case_counted_by_hand():
    labels, probabilities = np.array([0, 1, 1, 1]), np.array([0.2, 0.2, 0.9, 0.9])
    assert [row["n"] for row in reliability(labels, probabilities)] == [2, 2]
    assert expected_calibration_error(labels, probabilities) == pytest.approx(0.5 * 0.3 + 0.5 * 0.1)
    assert log_loss(labels, probabilities) == pytest.approx(-(math.log(0.8) + math.log(0.2) + 2 * math.log(0.9)) / 4)
    assert reliability(np.array([1]), np.array([1.0]))[0]["high"] == 1.0


def test_the_temperature_of_probabilities_made_too_sure_is_found_again():
    rng = np.random.default_rng(1)
    honest = 1 / (1 + np.exp(-rng.normal(0, 2, 20000)))
    labels = (rng.random(20000) < honest).astype(int)
    too_sure = with_temperature(honest, 1 / 3)
    temperature = fit_temperature(labels, too_sure)
    assert temperature == pytest.approx(3.0, rel=0.05)
    before, after = (expected_calibration_error(labels, p) for p in (too_sure, with_temperature(too_sure, temperature)))
    assert after < 0.02 < before
    assert with_temperature(np.array([0.5]), 7.0) == pytest.approx([0.5])


def test_without_an_error_there_is_no_temperature():
    assert fit_temperature(np.array([0, 1]), np.array([0.2, 0.8])) == 1.0
