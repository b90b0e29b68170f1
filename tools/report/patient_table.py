"""From overlaps of single patients to rows, means, spread and intervals.

Conventions. Both masks empty: Dice, IoU, sensitivity and precision have no value (NaN) and the patient is counted
apart. One mask empty: Dice and IoU are 0. Sensitivity has no value without a target, precision none without a
prediction. All means are over patients, never over slices or pooled voxels. Under ten patients no interval is claimed.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

SCORES = (
    "dice",
    "iou",
    "sensitivity",
    "specificity",
    "precision",
    "accuracy",
    "volume_ml",
    "target_ml",
    "false_positive_ml_on_empty_slices",
)
OVERLAPS = ("true_positive", "false_positive", "false_negative", "true_negative", "false_positive_on_empty_slices")
FEWEST_FOR_INTERVAL = 10
RESAMPLES = 2000


def scores_of(overlap: Mapping[str, float]) -> dict[str, float]:
    """Return :data:`SCORES` from the volumes in ml of :data:`OVERLAPS`."""
    hit, extra, missed, rest = (float(overlap[name]) for name in OVERLAPS[:4])
    return {
        "dice": _ratio(2 * hit, 2 * hit + extra + missed),
        "iou": _ratio(hit, hit + extra + missed),
        "sensitivity": _ratio(hit, hit + missed),
        "specificity": _ratio(rest, rest + extra),
        "precision": _ratio(hit, hit + extra),
        "accuracy": _ratio(hit + rest, hit + rest + extra + missed),
        "volume_ml": hit + extra,
        "target_ml": hit + missed,
        "false_positive_ml_on_empty_slices": float(overlap[OVERLAPS[4]]),
    }


def patient_rows(cases: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one row a patient and class, sorted, from cases ``{"patient", "file", "class", **OVERLAPS in ml}``.

    A case that comes twice, as a distributed sampler pads, counts once; several scans of one patient are added up.
    """
    once = {(case["patient"], case["class"], case["file"]): case for case in cases}
    added: dict[tuple[str, str], dict[str, float]] = {}
    for (patient, name, _), case in sorted(once.items()):
        total = added.setdefault((patient, name), dict.fromkeys(OVERLAPS, 0.0))
        for key in OVERLAPS:
            total[key] += float(case[key])
    return [{"patient": patient, "class": name, **scores_of(total)} for (patient, name), total in added.items()]


def summarise(rows: Sequence[Mapping[str, Any]], seed: int = 0) -> dict[str, dict[str, dict[str, Any]]]:
    """Return for each class and score: mean, sd, median, n, and low and high of a bootstrap 95 % interval by patient.

    ``sd`` needs two patients and ``low`` and ``high`` need ten, otherwise they are None. The bootstrap is seeded. Under
    the class, ``n_patients`` and ``n_empty`` (neither target nor prediction) stand beside the scores.
    """
    summary: dict[str, dict[str, Any]] = {}
    for name in sorted({row["class"] for row in rows}):
        of_class = [row for row in rows if row["class"] == name]
        summary[name] = {score: _spread([row[score] for row in of_class], seed) for score in SCORES}
        summary[name]["n_patients"] = len(of_class)
        summary[name]["n_empty"] = sum(math.isnan(row["dice"]) for row in of_class)
    return summary


def mean_scores(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the mean of each score over patients, then over classes; NaN where no patient has a value."""
    means = {}
    for score in SCORES:
        of_classes = []
        for name in sorted({row["class"] for row in rows}):
            values = np.array([row[score] for row in rows if row["class"] == name], dtype=float)
            if np.isfinite(values).any():
                of_classes.append(float(np.nanmean(values)))
        means[score] = float(np.mean(of_classes)) if of_classes else math.nan
    return means


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as CSV text with a header; a score without a value is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["patient", "class", *SCORES])
    for row in rows:
        values = ["" if math.isnan(row[score]) else f"{row[score]:.6g}" for score in SCORES]
        writer.writerow([row["patient"], row["class"], *values])
    return text.getvalue()


def _ratio(part: float, whole: float) -> float:
    """Return ``part / whole``, NaN when there is nothing to divide by."""
    return part / whole if whole > 0 else math.nan


def _spread(values: Sequence[float], seed: int) -> dict[str, Any]:
    """Return mean, sd, median, n and interval of the values that are not NaN."""
    known = np.array([value for value in values if math.isfinite(value)], dtype=float)
    spread: dict[str, Any] = dict.fromkeys(("mean", "sd", "median", "low", "high"))
    spread["n"] = len(known)
    if len(known):
        spread["mean"], spread["median"] = float(known.mean()), float(np.median(known))
    if len(known) > 1:
        spread["sd"] = float(known.std(ddof=1))
    if len(known) >= FEWEST_FOR_INTERVAL:
        drawn = np.random.default_rng(seed).integers(0, len(known), size=(RESAMPLES, len(known)))
        low, high = np.quantile(known[drawn].mean(axis=1), (0.025, 0.975))
        spread["low"], spread["high"] = float(low), float(high)
    return spread
