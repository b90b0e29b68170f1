"""Two runs compared: pairs and nothing but pairs, refusals with reasons, a page and a picture."""

import csv
import io
import json
import math

import numpy as np
import pytest
from matplotlib.image import imread

from tests.report.page_reader import read
from tools.commands.compare import run as compare
from tools.report.comparison import compare_runs
from tools.report.comparison_page import verdict
from tools.report.paired_runs import read_run
from tools.report.run_files import write_json
from tools.report.score_names import DETAILED_SCORES, SCORES

CONVENTIONS = {"detailed": True, "surface_tolerance_mm": 2.0, "lesion_overlap": 0.1, "lesion_connectivity": 26}


def write_run(folder, dices, names=None, fingerprint="f00d" * 16, conventions=CONVENTIONS, **columns):
    """Write a run whose patients have the given Dice, and other scores in ``columns``."""
    names = [f"p{i:02d}" for i in range(len(dices))] if names is None else names
    rows = []
    for number, (patient, dice) in enumerate(zip(names, dices, strict=True)):
        row = {"patient": patient, "class": "tumour", **dict.fromkeys((*SCORES, *DETAILED_SCORES), 0.5), "dice": dice}
        rows.append({**row, **{name: values[number] for name, values in columns.items()}})
    write_json(folder / "patients.json", {"epoch": 1, "conventions": conventions, "rows": rows, "summary": {}})
    summary = {"bundle": "aura_v3", "version": "1.0.0", "workflow": "evaluate", "is_phantom": False}
    write_json(folder / "summary.json", {**summary, "data_fingerprint": fingerprint})
    return folder


def compared(a, b):
    """Return the comparison of two folders."""
    return compare_runs(read_run(a), read_run(b))


@pytest.fixture
def runs(tmp_path):
    """Return a run of twelve patients and one that is better by a tenth, but for one patient."""
    dices = np.random.default_rng(0).uniform(0.3, 0.8, 12).round(3)
    better = dices + 0.1
    better[3] = dices[3] - 0.2
    b = write_run(tmp_path / "b", better.tolist(), hd95_mm=[1.0] * 12)
    return write_run(tmp_path / "a", dices.tolist(), hd95_mm=[3.0] * 12), b


def test_differences_are_those_of_pairs(runs):
    tumour = compared(*runs)["classes"]["tumour"]
    dice, distance = tumour["scores"]["dice"], tumour["scores"]["hd95_mm"]
    assert dice["difference"]["mean"] == pytest.approx((11 * 0.1 - 0.2) / 12)
    assert dice["difference"]["low"] < dice["difference"]["mean"] < dice["difference"]["high"]
    # patients differ by 0.5, the differences by far less: pairing is what makes the interval this narrow
    assert dice["difference"]["high"] - dice["difference"]["low"] < 0.12
    assert (dice["better"], dice["worse"], dice["equal"]) == (11, 1, 0)
    assert distance["difference"]["mean"] == -2.0
    assert (distance["better"], distance["worse"]) == (12, 0), "a smaller distance is better"
    assert tumour["scores"]["volume_ml"]["better"] is None, "a volume is neither good nor bad"
    assert "target_ml" not in tumour["scores"]


def test_the_test_states_its_pairs_and_is_left_out_under_ten(runs, tmp_path):
    found = compared(*runs)["classes"]["tumour"]
    assert found["test"]["n_pairs"] == found["test"]["n_changed"] == 12
    assert 0.001 < found["test"]["p"] < 0.05
    assert "12 pairs" in verdict(found)
    assert "p = 0." in verdict(found)
    few = [write_run(tmp_path / name, dices) for name, dices in (("c", [0.1] * 9), ("d", [0.9] * 9))]
    found = compared(*few)["classes"]["tumour"]
    assert found["test"] is None
    assert found["scores"]["dice"]["difference"]["low"] is None
    assert "fewer than 10 pairs, so no interval and no test" in verdict(found)


def test_a_run_is_no_better_than_itself(runs):
    found = compared(runs[0], runs[0])["classes"]["tumour"]
    assert found["scores"]["dice"]["difference"]["mean"] == 0.0
    assert found["scores"]["dice"]["equal"] == 12
    assert found["test"] is None
    assert "+0.000 over 12 pairs, the same in each: no interval." in verdict(found)


def test_differences_that_may_be_chance_are_called_so(tmp_path):
    dices = np.linspace(0.3, 0.8, 12)
    a = write_run(tmp_path / "a", dices.tolist())
    b = write_run(tmp_path / "b", (dices + np.tile([0.1, -0.09], 6)).tolist())
    assert "the interval holds 0, so the data do not tell the runs apart" in verdict(
        compared(a, b)["classes"]["tumour"]
    )


def test_a_patient_with_a_value_in_one_run_is_no_pair_and_is_named(tmp_path):
    a = write_run(tmp_path / "a", [0.5, math.nan, math.nan])
    b = write_run(tmp_path / "b", [0.6, 0.0, math.nan])
    dice = compared(a, b)["classes"]["tumour"]["scores"]["dice"]
    assert dice["difference"]["n"] == 1
    assert dice["a"] == 0.5
    assert dice["value_in_one_only"] == ["p01"]
    assert verdict(compared(a, b)["classes"]["tumour"]).endswith("Not among the pairs: 1 with a Dice in one run only.")
    compare(str(a), str(b))
    assert "they have a Dice in one run only: p01" in read(b / "compare" / "compare.html").text


def test_a_classifier_is_told_that_segmentations_are_compared(tmp_path):
    write_json(tmp_path / "classes.json", {"n": 3})
    with pytest.raises(ValueError, match="is a run of a classifier: segmentations are compared"):
        read_run(tmp_path)


def test_runs_on_other_data_are_refused_with_every_reason(tmp_path):
    a = write_run(tmp_path / "a", [0.5, 0.6], ["x", "y"], target_ml=[10.0, 20.0])
    b = write_run(tmp_path / "b", [0.5, 0.6], ["y", "z"], "beef" * 16, target_ml=[25.0, 1.0])
    with pytest.raises(ValueError, match="cannot be compared") as caught:
        compared(a, b)
    for reason in (
        "other data (data_fingerprint f00df00df00d and beefbeefbeef)",
        f"only in {a}: x", f"only in {b}: z", "the targets of 1 of 1 differ (tumour of y: 20 and 25 ml)",
    ):  # fmt: skip
        assert str(caught.value).count(reason) == 1
    same_names = write_run(tmp_path / "c", [0.5, 0.6], ["x", "y"], "beef" * 16, target_ml=[10.0, 20.0])
    with pytest.raises(ValueError, match="beefbeefbeef, in files that the same patients have"):
        compared(a, same_names)
    other_class = write_run(tmp_path / "e", [0.5, 0.6], ["x", "y"], **{"class": ["node", "node"]})
    with pytest.raises(ValueError, match=r"class in common \(classes: tumour and node\)\."):
        compared(a, other_class)
    strangers = write_run(tmp_path / "d", [0.5], ["q"], None)
    with pytest.raises(ValueError, match="no patient and class in common"):
        compared(a, strangers)


def test_without_a_fingerprint_common_patients_are_compared_and_the_others_named(tmp_path, capsys):
    a = write_run(tmp_path / "a", [0.5, 0.6], ["x", "y"])
    b = write_run(tmp_path / "b", [0.7, 0.6], ["y", "z"], None)
    found = compared(a, b)
    assert (found["n_pairs"], found["only_a"], found["only_b"]) == (1, ["x"], ["z"])
    assert found["classes"]["tumour"]["scores"]["dice"]["difference"]["mean"] == pytest.approx(0.1)
    compare(str(a), str(b), output=str(tmp_path / "out"))
    printed = capsys.readouterr().out
    assert f"only in {a}, left out: x" in printed
    assert f"only in {b}, left out: z" in printed
    page = read(tmp_path / "out" / "compare.html").text
    assert "Only in A, left out: x." in page
    assert "Only in B, left out: z." in page


def test_a_class_of_one_run_is_left_out_and_named(tmp_path):
    a = write_run(tmp_path / "a", [0.5, 0.6], ["x", "x"], **{"class": ["tumour", "node"]})
    b = write_run(tmp_path / "b", [0.7], ["x"])
    assert compared(a, b)["classes_in_one_only"] == ["node"]
    assert set(compared(a, b)["classes"]) == {"tumour"}
    compare(str(a), str(b))
    assert "Segmented by one run only, left out: node." in read(b / "compare" / "compare.html").text


def test_scores_by_other_conventions_are_left_out(tmp_path):
    a = write_run(tmp_path / "a", [0.5])
    b = write_run(tmp_path / "b", [0.5], conventions={**CONVENTIONS, "surface_tolerance_mm": 3.0})
    found = compared(a, b)
    assert found["left_out"] == {"surface_dice": "surface_tolerance_mm is 2.0 and 3.0"}
    assert "surface_dice" not in found["classes"]["tumour"]["scores"]
    assert "hd95_mm" in found["classes"]["tumour"]["scores"]


def test_files_hold_every_pair_and_a_picture(runs, tmp_path, capsys):
    compare(*map(str, runs), output=str(tmp_path / "out"))
    assert capsys.readouterr().out.endswith("compare.html\n")
    found = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert found["a"]["folder"] == str(runs[0])
    with open(tmp_path / "out" / "compare.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["score"] == "dice"]
    assert len(rows) == 12
    assert float(rows[3]["difference"]) == pytest.approx(-0.2)
    page = read(tmp_path / "out" / "compare.html")
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert page.text.index("p03") < page.text.index("p00"), "the greatest loss first"
    pixels = imread(io.BytesIO((tmp_path / "out" / "compare.png").read_bytes()), format="png")[..., :3]
    green = ((pixels[..., 1] > pixels[..., 0] + 0.2) & (pixels[..., 1] > pixels[..., 2] + 0.1)).sum()
    red = ((pixels[..., 0] > pixels[..., 1] + 0.3) & (pixels[..., 0] > pixels[..., 2] + 0.1)).sum()
    assert green > red > 100, "eleven are better, one is worse"


def test_what_is_not_a_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no patients.json with patients: give the output_dir"):
        read_run(tmp_path)
    write_json(tmp_path / "patients.json", {"rows": []})
    with pytest.raises(FileNotFoundError, match="holds no patients.json with patients"):
        read_run(tmp_path)
    (tmp_path / "patients.json").write_text("[")
    with pytest.raises(ValueError, match="patients.json is not valid JSON"):
        read_run(tmp_path)


def test_names_from_outside_stay_text(tmp_path):
    evil = "<script>alert(1)</script>"
    a, b = (write_run(tmp_path / name, [0.5], [evil]) for name in "ab")
    compare(str(a), str(b))
    source = (b / "compare" / "compare.html").read_text()
    assert "<script" not in source
    assert "&lt;script&gt;" in source
