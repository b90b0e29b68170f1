"""Means, spread and intervals over patients."""

import math

import numpy as np
import pytest

from tools.report.patient_table import OVERLAPS, mean_scores, patient_rows, summarise, to_csv
from tools.report.score_names import SCORES


def rows_of(dices, name="target"):
    """Return rows whose Dice is given; other scores are 1."""
    return [{"patient": f"p{i}", "class": name, **dict.fromkeys(SCORES, 1.0), "dice": d} for i, d in enumerate(dices)]


def test_under_ten_patients_no_interval_is_claimed():
    spread = summarise(rows_of([0.1, 0.5, math.nan]))["target"]
    assert spread["dice"] == {
        "mean": 0.3,
        "sd": pytest.approx(0.2828427),
        "median": 0.3,
        "low": None,
        "high": None,
        "n": 2,
    }
    assert spread["n_patients"] == 3
    assert spread["n_empty"] == 1


def test_the_interval_holds_the_mean_and_is_repeatable():
    dices = np.random.default_rng(1).uniform(0.2, 0.9, 30).tolist()
    spread = summarise(rows_of(dices), seed=3)["target"]["dice"]
    assert spread["low"] < spread["mean"] < spread["high"]
    width = 2 * 1.96 * np.std(dices, ddof=1) / np.sqrt(30)
    assert spread["high"] - spread["low"] == pytest.approx(width, rel=0.15)
    assert summarise(rows_of(dices), seed=3)["target"]["dice"] == spread
    assert summarise(rows_of(dices), seed=4)["target"]["dice"] != spread


def test_one_patient_has_no_spread_and_none_has_no_mean():
    assert summarise(rows_of([0.5]))["target"]["dice"]["sd"] is None
    assert summarise(rows_of([math.nan]))["target"]["dice"]["mean"] is None
    assert math.isnan(mean_scores([])["dice"])


def test_classes_weigh_the_same():
    rows = rows_of([1.0, 1.0, 1.0], "a") + rows_of([0.0], "b")
    assert mean_scores(rows)["dice"] == 0.5


def test_iou_is_of_patients_never_of_the_mean_dice():
    cases = [
        {"patient": "a", "file": "a", "class": "t", **dict(zip(OVERLAPS, (1, 0, 0, 9, 0), strict=True))},
        {"patient": "b", "file": "b", "class": "t", **dict(zip(OVERLAPS, (1, 1, 1, 7, 0), strict=True))},
    ]
    means = mean_scores(patient_rows(cases))
    assert means["dice"] == pytest.approx(0.75)
    assert means["iou"] == pytest.approx((1 + 1 / 3) / 2)


def test_csv_quotes_names_and_leaves_unknown_cells_empty():
    rows = rows_of([math.nan])
    rows[0]["patient"] = 'a,"b"'
    assert to_csv(rows).splitlines()[1].startswith('"a,""b""",target,,1,')
