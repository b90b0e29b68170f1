"""From overlaps of single scans to rows of patients, means, spread and intervals.

Conventions. Both masks empty: Dice, IoU, sensitivity, precision, surface Dice and Hausdorff distance have no value
(NaN) and the patient is counted apart. One mask empty: Dice, IoU and surface Dice are 0, the Hausdorff distance is the
diagonal of the volume. Sensitivity has no value without a target, precision none without a prediction. All means are
over patients, never over slices or pooled voxels. Under ten patients no interval is claimed.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .bootstrap import spread
from .score_names import LESION_SCORES, SURFACE_SCORES, scores_in

OVERLAPS = ("true_positive", "false_positive", "false_negative", "true_negative", "false_positive_on_empty_slices")


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


def scans_of_patients(cases: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """Return the scans of each (patient, class), sorted; one that comes twice, as a sampler pads, is there once."""
    once = {(case["patient"], case["class"], case["file"]): case for case in cases}
    scans: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for (patient, name, _), case in sorted(once.items(), key=lambda item: item[0]):
        scans.setdefault((patient, name), []).append(case)
    return scans


def patient_rows(cases: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one row a patient and class, sorted, from cases ``{"patient", "file", "class", **OVERLAPS in ml}``.

    Several scans of one patient are added up; surface Dice and Hausdorff distance, which cases may hold beside the
    overlaps together with the counts of lesions, are averaged over scans. A scan with ``"spacing_known": False`` marks
    the row: its numbers in mm and ml stand for voxels of a size that was made up, and no table shows them.
    """
    rows = []
    for (patient, name), scans in scans_of_patients(cases).items():
        total = {key: sum(float(scan[key]) for scan in scans) for key in OVERLAPS}
        row = {"patient": patient, "class": name, **scores_of(total)}
        if any(scan.get("spacing_known") is False for scan in scans):
            row["spacing_known"] = False
        if all(SURFACE_SCORES[0] in scan for scan in scans):
            row |= _detail_of(scans, row["volume_ml"] - row["target_ml"])
        rows.append(row)
    return rows


def summarise(rows: Sequence[Mapping[str, Any]], seed: int = 0) -> dict[str, dict[str, Any]]:
    """Return for each class and score: mean, sd, median, n, and low and high of a bootstrap 95 % interval by patient.

    See :func:`tools.report.bootstrap.spread`; the bootstrap is seeded. Under the class stand beside the scores
    ``n_patients``, ``n_empty`` (neither target nor prediction) and ``n_one_empty`` (one of them).
    """
    summary: dict[str, dict[str, Any]] = {}
    for name in sorted({row["class"] for row in rows}):
        of_class = [row for row in rows if row["class"] == name]
        summary[name] = {score: spread([row[score] for row in of_class], seed) for score in scores_in(rows)}
        summary[name]["n_patients"] = len(of_class)
        summary[name]["n_empty"] = sum(math.isnan(row["dice"]) for row in of_class)
        summary[name]["n_one_empty"] = sum((row["volume_ml"] > 0) != (row["target_ml"] > 0) for row in of_class)
    return summary


def mean_scores(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the mean of each score over patients, then over classes; NaN where no patient has a value."""
    means = {}
    for score in scores_in(rows):
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
    scores = scores_in(rows)
    writer.writerow(["patient", "class", *scores])
    for row in rows:
        values = ["" if math.isnan(row[score]) else f"{row[score]:.6g}" for score in scores]
        writer.writerow([row["patient"], row["class"], *values])
    return text.getvalue()


def _detail_of(scans: Sequence[Mapping[str, Any]], volume_error_ml: float) -> dict[str, float]:
    """Return the detailed scores of a patient: distances averaged over scans with a value, lesions added up."""
    surface = {score: spread([scan[score] for scan in scans])["mean"] for score in SURFACE_SCORES}
    return {
        **{score: math.nan if value is None else value for score, value in surface.items()},
        "volume_error_ml": volume_error_ml,
        "absolute_volume_error_ml": abs(volume_error_ml),
        **{score: sum(scan[score] for scan in scans) for score in LESION_SCORES},
    }


def _ratio(part: float, whole: float) -> float:
    """Return ``part / whole``, NaN when there is nothing to divide by."""
    return part / whole if whole > 0 else math.nan
