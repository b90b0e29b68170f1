"""Two runs whose patients can be compared, or the reasons why not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .class_scores import CLASSES_JSON
from .run_files import PATIENTS_JSON, SUMMARY, read_json
from .score_names import LESION_SCORES, scores_in

FACTS = ("bundle", "version", "workflow", "dataset", "seed", "is_phantom", "data_fingerprint")
# targets of one label on one grid are equal but for rounding
SAME_TARGET = 1e-3
MOST_NAMED = 10
Key = tuple[str, str]


@dataclass(frozen=True)
class Run:
    """The rows of a run by (patient, class), what its numbers depend on, and where it comes from."""

    folder: Path
    rows: dict[Key, dict[str, Any]]
    conventions: dict[str, Any]
    facts: dict[str, Any]

    @property
    def patients(self) -> set[str]:
        """Everybody who was scored."""
        return {patient for patient, _ in self.rows}

    @property
    def classes(self) -> set[str]:
        """What they were scored on."""
        return {name for _, name in self.rows}


def read_run(folder: Path) -> Run:
    """Read what a run left about its patients.

    Raises:
        FileNotFoundError: when the folder holds no scored patients.
        ValueError: for a run of a classifier, or when a file in it cannot be read; names the file.

    """
    scores = read_json(folder / PATIENTS_JSON)
    if not (scores or {}).get("rows"):
        if (folder / CLASSES_JSON).is_file():
            raise ValueError(f"{folder} is a run of a classifier: segmentations are compared, patient by patient.")
        raise FileNotFoundError(
            f"{folder} holds no {PATIENTS_JSON} with patients: give the output_dir of a training or an evaluation."
        )
    summary = read_json(folder / SUMMARY) or {}
    facts = {"folder": str(folder), "epoch": scores.get("epoch"), **{name: summary.get(name) for name in FACTS}}
    rows = {(str(row["patient"]), str(row["class"])): row for row in scores["rows"]}
    return Run(folder, rows, scores.get("conventions") or {}, facts)


def check_pair(a: Run, b: Run) -> None:
    """Refuse runs that were not on the same data, with every reason.

    Raises:
        ValueError: when fingerprints of the data, patients or targets differ.

    """
    reasons = []
    prints = [run.facts["data_fingerprint"] for run in (a, b)]
    both = sorted(set(a.rows) & set(b.rows))
    strangers = _strangers(a, b)
    if all(prints) and prints[0] != prints[1]:
        same = "" if strangers else ", in files that the same patients have"
        reasons.append(f"they saw other data (data_fingerprint {prints[0][:12]} and {prints[1][:12]}{same})")
    if not both:
        classes = " and ".join(named(sorted(run.classes)) for run in (a, b))
        reasons.append(f"they have no patient and class in common (classes: {classes})")
    targets = [(key, a.rows[key]["target_ml"], b.rows[key]["target_ml"]) for key in both]
    other = [(key, one, two) for key, one, two in targets if not math.isclose(one, two, rel_tol=SAME_TARGET)]
    if other:
        (patient, name), one, two = other[0]
        reasons.append(
            f"the targets of {len(other)} of {len(both)} differ ({name} of {patient}: {one:.4g} and {two:.4g} ml), so "
            "labels or grids are not the same; evaluate both with evaluate.json, on the original grid"
        )
    if reasons:
        raise ValueError(f"{a.folder} and {b.folder} cannot be compared: {'; '.join([*reasons, *strangers])}.")


def compared_scores(a: Run, b: Run) -> tuple[list[str], dict[str, str]]:
    """Return the scores that both runs hold by the same conventions, and why others are left out."""
    in_a, in_b = (scores_in(list(run.rows.values())) for run in (a, b))
    left_out = {score: "only one of the runs has it" for score in set(in_a) ^ set(in_b)}
    depends = {
        "surface_tolerance_mm": ["surface_dice"],
        "lesion_overlap": LESION_SCORES,
        "lesion_connectivity": LESION_SCORES,
    }
    for convention, scores in depends.items():
        values = [run.conventions.get(convention) for run in (a, b)]
        if values[0] != values[1]:
            left_out |= {score: f"{convention} is {values[0]} and {values[1]}" for score in scores if score in in_a}
    return [score for score in in_a if score not in left_out and score != "target_ml"], left_out


def named(patients: Sequence[str]) -> str:
    """Return some names as text, and how many more there are."""
    more = len(patients) - MOST_NAMED
    return ", ".join(patients[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _strangers(a: Run, b: Run) -> list[str]:
    """Return which patients are only in one of the runs."""
    sides = ((a, b), (b, a))
    return [
        f"only in {one.folder}: {named(sorted(only))}" for one, two in sides if (only := one.patients - two.patients)
    ]


def value_of(row: Mapping[str, Any], score: str) -> float:
    """Return a score of a row read from JSON, NaN where it has none."""
    value = row.get(score)
    return math.nan if value is None else float(value)
