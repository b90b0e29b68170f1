"""Everything one says about a classifier of two classes, from its probabilities, as plain values."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .binary_scores import (
    bootstrap_intervals,
    by_subtype,
    class_report,
    counts_at,
    roc_curve,
    scores_of,
    sensitivity_at,
)
from .calibration import expected_calibration_error, fit_temperature, log_loss, reliability, with_temperature

CLASSES_JSON = "classes.json"
PREDICTIONS_CSV = "predictions.csv"
SPECIFICITIES = (0.8, 0.9, 0.95)
# the columns of predictions.csv after the probabilities of the classes
COLUMNS = ("file", "patient", "subtype", "label")


def check_threshold(threshold: float) -> None:
    """Refuse what is no probability.

    Raises:
        ValueError: for a threshold outside (0, 1).
    """
    if not 0 < threshold < 1:
        raise ValueError(
            f"threshold is a probability, more than 0 and less than 1, got {threshold}; 50 % is --threshold 0.5"
        )


def quick_scores(labels: np.ndarray, probabilities: np.ndarray, threshold: float = 0.5) -> dict[str, float]:
    """Return the scores of one validation: ``scores_of``, log_loss, ece and sensitivity at 90 % specificity."""
    return {
        **scores_of(labels, probabilities, threshold),
        "log_loss": log_loss(labels, probabilities),
        "ece": expected_calibration_error(labels, probabilities),
        "sensitivity_at_90_specificity": sensitivity_at(labels, probabilities, 0.9),
    }


def all_scores(
    rows: Sequence[Mapping[str, Any]],
    class_names: Sequence[str],
    threshold: float = 0.5,
    temperature: float | None = None,
    intervals: bool = True,
    seed: int = 0,
) -> dict[str, Any]:
    """Return scores with intervals, counts, report by class, ROC curve, calibration before and after, and subtypes.

    Args:
        rows: one an image, with ``label`` (0 or 1), ``probability`` (of class 1), ``patient`` and ``subtype``.
        class_names: of class 0 and class 1.
        threshold: from which on a probability means class 1.
        temperature: fitted on other data; None fits it on these, which says so in ``fitted_here``.
        intervals: bootstrap over patients.
        seed: of the bootstrap.
    """
    labels, probabilities = arrays(rows)
    scores = quick_scores(labels, probabilities, threshold)

    def resampled(weights: np.ndarray) -> dict[str, float]:
        return scores_of(labels, probabilities, threshold, weights)

    patients = [str(row.get("patient") or row.get("file") or number) for number, row in enumerate(rows)]
    spread = bootstrap_intervals(resampled, patients, seed) if intervals else {}
    used = fit_temperature(labels, probabilities) if temperature is None else temperature
    scaled = with_temperature(probabilities, used)
    false, true, _ = roc_curve(labels, probabilities)
    kinds = [str(row.get("subtype") or "unknown") for row in rows]
    return {
        "class_names": list(class_names),
        "n": len(rows),
        "n_patients": len(set(patients)),
        "threshold": threshold,
        "scores": {name: {"value": value, **_interval(spread.get(name))} for name, value in scores.items()},
        "confusion": counts_at(labels, probabilities, threshold),
        "report": class_report(labels, probabilities, class_names, threshold),
        "sensitivity_at_specificity": {f"{s:g}": sensitivity_at(labels, probabilities, s) for s in SPECIFICITIES},
        "subtypes": by_subtype(labels, probabilities, kinds, threshold),
        "roc": {"one_minus_specificity": false.tolist(), "sensitivity": true.tolist()},
        "calibration": {
            "temperature": used,
            "fitted_here": temperature is None,
            "before": _calibration(labels, probabilities),
            "after": _calibration(labels, scaled),
        },
    }


def arrays(rows: Sequence[Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and probabilities of class 1, each (N,)."""
    labels = np.array([int(row["label"]) for row in rows], dtype=int)
    return labels, np.array([float(row["probability"]) for row in rows], dtype=np.float64)


def predictions_csv(
    rows: Sequence[Mapping[str, Any]],
    class_names: Sequence[str],
    threshold: float = 0.5,
    temperature: float | None = None,
) -> str:
    """Return a table: file, patient, subtype and label as far as known, probability of each class, prediction.

    With a temperature there is one more column, the calibrated probability of class 1.
    """
    known = [name for name in COLUMNS if any(row.get(name) is not None for row in rows)]
    header = [*known, *(f"probability_{name}" for name in class_names), "prediction"]
    header += [f"calibrated_{class_names[1]}"] if temperature is not None else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        p = float(row["probability"])
        cells = [class_names[row[name]] if name == "label" else row.get(name) for name in known]
        cells += [f"{1 - p:.6f}", f"{p:.6f}", class_names[int(p >= threshold)]]
        cells += [f"{with_temperature(np.array([p]), temperature)[0]:.6f}"] if temperature is not None else []
        writer.writerow(cells)
    return text.getvalue()


def worth(scores: Mapping[str, float], selection: str, epoch: int) -> float:
    """Return what an epoch is chosen by, higher is better.

    Args:
        scores: of ``quick_scores``.
        selection: ``auc``, ``accuracy``, ``balanced_accuracy``, ``log_loss`` (``exp(-log_loss)``, since MONAI begins
            its comparison at -1), or ``epoch``, by which the last one wins: where validation is saturated, choosing
            among its epochs is choosing noise.
        epoch: number of the epoch.

    Raises:
        ValueError: for another name.
    """
    known = ("auc", "accuracy", "balanced_accuracy", "log_loss", "epoch")
    if selection not in known:
        raise ValueError(f"selection_score must be one of {', '.join(known)}, got '{selection}'")
    if selection == "epoch":
        return float(epoch)
    return math.exp(-scores["log_loss"]) if selection == "log_loss" else scores[selection]


def _interval(found: tuple[float, float] | None) -> dict[str, float]:
    return {} if found is None else {"low": found[0], "high": found[1]}


def _calibration(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    return {
        "ece": expected_calibration_error(labels, probabilities),
        "log_loss": log_loss(labels, probabilities),
        "bins": reliability(labels, probabilities),
    }
