"""Ratios of sums with intervals by patient."""

import numpy as np
import pytest

from tools.report.bootstrap import ratio, spread


def test_a_ratio_is_of_sums_not_a_mean_of_ratios():
    assert ratio([1, 90], [2, 100]) == {"value": pytest.approx(91 / 102), "low": None, "high": None, "n": 2}


def test_patients_without_a_whole_are_not_counted_and_nothing_has_no_value():
    assert ratio([0, 1], [0, 2])["n"] == 1
    assert ratio([0], [0]) == {"value": None, "low": None, "high": None, "n": 0}


def test_the_interval_is_of_patients_and_repeatable():
    random = np.random.default_rng(2)
    wholes = random.integers(10, 1000, 40)
    parts = wholes * random.uniform(0.3, 0.9, 40)
    found = ratio(parts, wholes, seed=1)
    assert found["low"] < found["value"] < found["high"]
    # many voxels of few patients: an interval by voxels would be a tenth of this
    assert 0.05 < found["high"] - found["low"] < 0.3
    assert ratio(parts, wholes, seed=1) == found
    assert ratio(parts[:9], wholes[:9])["low"] is None


def test_values_that_are_all_alike_have_no_interval():
    assert ratio([3] * 11, [3] * 11)["low"] is None
    assert ratio([1, 2] * 6, [10, 20] * 6)["low"] is None
    assert spread([0.1] * 12)["low"] is None
    assert spread([0.1] * 11 + [0.2])["low"] is not None
