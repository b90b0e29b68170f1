"""Paired differences of two runs: patient by patient, with intervals by patient."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .bootstrap import FEWEST_FOR_INTERVAL, spread
from .paired_runs import Run, check_pair, compared_scores, value_of
from .score_names import HIGHER_IS_BETTER, LOWER_IS_BETTER

TESTED = "dice"


def compare_runs(a: Run, b: Run, seed: int = 0) -> dict[str, Any]:
    """Return the differences B - A of the patients that both runs have.

    ``classes`` holds for each class and score: ``a`` and ``b`` (means over pairs), ``difference`` (mean, sd, median,
    low, high, n of the pairs, see :func:`tools.report.bootstrap.spread`), how many pairs are ``better``, ``worse`` and
    ``equal`` in B, and ``value_in_one_only``: patients that have a value in one run only, for example no Dice in A
    (nothing to find, nothing found) and 0 in B. ``test`` is a Wilcoxon signed-rank test of Dice from ten pairs on.
    ``rows`` are all pairs, ``only_a`` and ``only_b`` patients without a partner,
    ``classes_in_one_only`` what only one of the runs segments.

    Raises:
        ValueError: when the runs were not on the same data, with every reason.

    """
    check_pair(a, b)
    scores, left_out = compared_scores(a, b)
    keys = sorted(set(a.rows) & set(b.rows))
    rows = [
        {"patient": key[0], "class": key[1], "score": score, "a": value_of(a.rows[key], score), "b": _of(b, key, score)}
        for key in keys
        for score in scores
    ]
    rows = [{**row, "difference": row["b"] - row["a"]} for row in rows]
    names = sorted({row["class"] for row in rows})
    of_classes = {name: [row for row in rows if row["class"] == name] for name in names}
    return {
        "a": a.facts,
        "b": b.facts,
        "n_pairs": len({patient for patient, _ in keys}),
        "only_a": sorted(a.patients - b.patients),
        "only_b": sorted(b.patients - a.patients),
        "left_out": left_out,
        "classes_in_one_only": sorted(a.classes ^ b.classes),
        "classes": {name: _of_class(of_class, scores, seed) for name, of_class in of_classes.items()},
        "rows": rows,
    }


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the pairs as CSV text with a header; a score without a value is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["patient", "class", "score", "a", "b", "difference"])
    for row in rows:
        values = ["" if math.isnan(row[key]) else f"{row[key]:.6g}" for key in ("a", "b", "difference")]
        writer.writerow([row["patient"], row["class"], row["score"], *values])
    return text.getvalue()


def _of(run: Run, key: tuple[str, str], score: str) -> float:
    return value_of(run.rows[key], score)


def _of_class(rows: Sequence[Mapping[str, Any]], scores: Sequence[str], seed: int) -> dict[str, Any]:
    """Return the differences of one class by score, and the test."""
    by_score = {score: [row for row in rows if row["score"] == score] for score in scores}
    tested = [row["difference"] for row in by_score[TESTED]]
    found = {score: _of_score(score, of_score, seed) for score, of_score in by_score.items()}
    return {"n_pairs": len(by_score[TESTED]), "scores": found, "test": _signed_rank(tested)}


def _of_score(score: str, rows: Sequence[Mapping[str, Any]], seed: int) -> dict[str, Any]:
    """Return means, difference and counts of one score."""
    pairs = [row for row in rows if math.isfinite(row["difference"])]
    gains = [_gain(score, row["difference"]) for row in pairs]
    judged = score in HIGHER_IS_BETTER | LOWER_IS_BETTER
    return {
        "a": float(np.mean([row["a"] for row in pairs])) if pairs else None,
        "b": float(np.mean([row["b"] for row in pairs])) if pairs else None,
        "difference": spread([row["difference"] for row in pairs], seed),
        "better": sum(gain > 0 for gain in gains) if judged else None,
        "worse": sum(gain < 0 for gain in gains) if judged else None,
        "equal": sum(row["difference"] == 0 for row in pairs),
        "value_in_one_only": [row["patient"] for row in rows if math.isnan(row["a"]) != math.isnan(row["b"])],
    }


def _gain(score: str, difference: float) -> float:
    """Return the difference with the sign that makes better positive."""
    return -difference if score in LOWER_IS_BETTER else difference


def _signed_rank(differences: Sequence[float]) -> dict[str, Any] | None:
    """Return a two-sided Wilcoxon signed-rank test; None for fewer than ten pairs or when nothing differs.

    Wilcoxon, "Individual Comparisons by Ranking Methods", Biometrics Bulletin 1945. Pairs without a difference are left
    out, as there.
    """
    from scipy.stats import wilcoxon

    known = [value for value in differences if math.isfinite(value)]
    changed = [value for value in known if value]
    if len(known) < FEWEST_FOR_INTERVAL or not changed:
        return None
    p_value = float(wilcoxon(changed).pvalue)
    return {
        "name": "Wilcoxon signed-rank, two-sided",
        "score": TESTED,
        "n_pairs": len(known),
        "n_changed": len(changed),
        "p": p_value,
    }
