"""Sections of the report about an evaluation: what its numbers mean, lesions, kinds of Dice, the threshold sweep."""

import io

import numpy as np
import pytest
from matplotlib.image import imread

from tests.report.page_reader import read
from tools.report.class_scores import all_scores
from tools.report.lesion_summary import lesion_summary
from tools.report.patient_table import summarise
from tools.report.report import build_report
from tools.report.run_files import write_json
from tools.report.score_names import DETAILED_SCORES, SCORES
from tools.report.sweep_plot import draw_sweep

CONVENTIONS = {"detailed": True, "surface_tolerance_mm": 3.0, "lesion_overlap": 0.1, "lesion_connectivity": 26}


def scores_of(count):
    """Return patients.json of a detailed evaluation; the last patient has a prediction and no target."""
    rows = [
        {"patient": f"p{i}", "class": "tumour", **dict.fromkeys((*SCORES, *DETAILED_SCORES), 1.0), "dice": i / count,
         "lesions_found": 2, "lesions_missed": 1, "lesions_false": i}
        for i in range(count)
    ]  # fmt: skip
    rows[-1] |= {"target_ml": 0.0, "hd95_mm": 412.3, "lesions_found": 0, "lesions_missed": 0}
    summary = summarise(rows)
    kinds = {
        kind: {"value": 0.25, "low": None, "high": None, "n": count} for kind in ("per_case", "per_slice", "pooled")
    }
    kinds["pooled_on_target_slices"] = {"value": 0.75, "low": 0.7, "high": 0.8, "n": count}
    summary["tumour"] |= {"dice_kinds": kinds, "lesions": lesion_summary(rows)}
    return {"epoch": 1, "conventions": CONVENTIONS, "rows": rows, "summary": summary}


def sweep_of(split="validation", best=0.4):
    """Return sweep.json."""
    points = [{"mean": value, "low": None, "high": None, "n": 3} for value in (0.5, 0.7, 0.6)]
    pooled = [{"value": value, "low": None, "high": None} for value in (0.8, 0.6, 0.4)]
    tumour = {
        "n_patients": 3, "per_case": points, "pooled": pooled, "best": {"threshold": best, "dice": 0.7},
        "best_pooled": {"threshold": 0.2, "dice": 0.8},
    }  # fmt: skip
    return {"split": split, "threshold": 0.6, "thresholds": [0.2, 0.4, 0.6], "classes": {"tumour": tumour}}


@pytest.fixture
def text(tmp_path):
    """Return how to build the report of some files and read its text."""

    def build(**files):
        for name, content in files.items():
            write_json(tmp_path / f"{name}.json", content)
        return " ".join(read(build_report(tmp_path)).text.split())

    return build


def test_detailed_scores_state_their_conventions(text):
    page = text(patients=scores_of(4))
    assert "Surface Dice at a tolerance of 3 mm. Where one mask is empty (1), HD95 is the diagonal" in page
    assert "Lesions: 6 of 9 found (0.667), 6 false (1.500 a patient)" in page
    assert "a component in 3D (26 neighbours); it is found when 10 % of it is predicted" in page
    assert "1 with only one of the two: Dice 0" in page
    for column in ("surface Dice", "HD95 mm", "absolute volume error ml", "lesions missed"):
        assert page.count(column) == 2, "in the means and in the table of patients"
    assert "412.3" in page


def test_four_kinds_of_dice_are_named(text):
    page = text(patients=scores_of(4))
    assert "Four kinds of Dice: tumour" in page
    assert "pooled over slices with target0.7500.700 to 0.800" in page
    assert "mean over slices with target or prediction0.250-" in page


def test_rows_of_a_validation_have_no_detailed_columns(text):
    scores = scores_of(3)
    rows = [{key: value for key, value in row.items() if key not in DETAILED_SCORES} for row in scores["rows"]]
    page = text(patients={"rows": rows, "summary": summarise(rows)})
    assert "HD95" not in page
    assert "Four kinds" not in page


def test_the_sweep_names_the_best_threshold_and_the_part_it_was_chosen_on(text, tmp_path):
    page = text(patients=scores_of(3), sweep=sweep_of())
    assert "mean Dice is greatest, 0.700, at 0.4 (chosen on the validation part); it is 0.600 at 0.6" in page
    assert "Pooled Dice is greatest, 0.800, at 0.2" in page
    assert "A threshold chosen on it" not in page
    assert "sweep further" not in page
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")


def test_a_sweep_of_the_test_part_is_not_to_be_used(text):
    page = text(patients=scores_of(3), sweep=sweep_of("test"))
    assert "A threshold chosen on it makes the test score too good: choose on the validation part" in page
    assert "The best lies at the end of the range: sweep further." in text(sweep=sweep_of(best=0.2))


def test_a_sweep_without_any_dice_says_so(text):
    sweep = sweep_of()
    sweep["classes"]["tumour"] |= {"best": None, "best_pooled": None}
    for point in sweep["classes"]["tumour"]["per_case"]:
        point["mean"] = None
    assert "tumour: no patient has a Dice at any threshold." in text(patients=scores_of(3), sweep=sweep)


def test_an_evaluation_has_no_epoch(text):
    assert "Patients after epoch 1" in text(patients=scores_of(3))
    assert "Patients after epoch" not in text(patients=scores_of(3), summary={"workflow": "evaluate"})


def test_the_band_is_drawn_where_an_interval_is_claimed():
    def pixels(sweep):
        return imread(io.BytesIO(draw_sweep(sweep)), format="png")

    plain, banded = sweep_of(), sweep_of()
    for point in banded["classes"]["tumour"]["per_case"][:2]:
        point |= {"low": 0.1, "high": 0.9}
    changed = np.abs(pixels(plain) - pixels(banded)).max(-1) > 0.02
    columns = np.flatnonzero(changed.any(axis=0)) / changed.shape[1]
    assert changed.sum() > 1000
    assert 0.2 < columns.min() < columns.max() < 0.5, "between the first two of three thresholds"


@pytest.mark.parametrize(
    ("temperature", "split", "source"),
    [
        (None, None, "on these very images, so the value after it is too good. It changes no call at 0.5."),
        (
            1.5,
            "validation",
            "on the validation part of the training: "
            "if that is what was scored, the value after it is too good. It changes no call at 0.5.",
        ),
        (1.5, "test", "on the validation part of the training. It changes no call at 0.5."),
    ],
)
def test_a_temperature_that_saw_the_scored_images_is_said_to_be_too_good(text, temperature, split, source):
    rows = [{"label": label, "probability": p} for label, p in ((0, 0.1), (0, 0.7), (1, 0.4), (1, 0.9))]
    page = text(summary={"split": split}, classes=all_scores(rows, ("normal", "pneumonia"), temperature=temperature))
    assert f"fitted {source}" in page
