"""How well probabilities tell two classes apart: counts at a threshold, ROC curve, area, intervals by patient.

Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27, 2006.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .bootstrap import FEWEST_FOR_INTERVAL, interval

RESAMPLES = 1000


def auc(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counted half.

    Args:
        labels: (N,) of 0 and 1.
        probabilities: (N,) of class 1.
        weights: (N,) how often each counts; None for once.

    Returns:
        NaN when a class is missing.
    """
    weights = np.ones(len(labels)) if weights is None else weights
    levels, place = np.unique(probabilities, return_inverse=True)
    positive = np.bincount(place, weights * (labels == 1), len(levels))
    negative = np.bincount(place, weights * (labels == 0), len(levels))
    total = positive.sum() * negative.sum()
    below = np.cumsum(negative) - negative / 2
    return float((positive * below).sum() / total) if total else float("nan")


def roc_curve(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (1 - specificity, sensitivity, threshold) from the strictest threshold to the loosest; both begin at 0."""
    levels, place = np.unique(probabilities, return_inverse=True)
    positive = np.bincount(place, labels == 1, len(levels))[::-1].cumsum()
    negative = np.bincount(place, labels == 0, len(levels))[::-1].cumsum()
    rates = [np.concatenate([[0.0], counts / max(counts[-1], 1)]) for counts in (negative, positive)]
    return rates[0], rates[1], np.concatenate([[np.inf], levels[::-1]])


def sensitivity_at(labels: np.ndarray, probabilities: np.ndarray, specificity: float = 0.9) -> float:
    """Return the highest sensitivity of any threshold whose specificity is at least ``specificity``."""
    false, true, _ = roc_curve(labels, probabilities)
    return float(true[false <= 1 - specificity + 1e-12].max())


def counts_at(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float = 0.5, weights: np.ndarray | None = None
) -> dict[str, float]:
    """Return true and false positives and negatives (``tp``, ``fp``, ``tn``, ``fn``); at the threshold is positive."""
    weights = np.ones(len(labels)) if weights is None else weights
    said, is_so = probabilities >= threshold, labels == 1
    pairs = {"tp": said & is_so, "fp": said & ~is_so, "tn": ~said & ~is_so, "fn": ~said & is_so}
    return {name: float(weights[chosen].sum()) for name, chosen in pairs.items()}


def scores_of(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float = 0.5, weights: np.ndarray | None = None
) -> dict[str, float]:
    """Return auc, accuracy, balanced_accuracy, sensitivity, specificity, precision, npv and f1; NaN where undefined."""
    found = counts_at(labels, probabilities, threshold, weights)
    tp, fp, tn, fn = (found[name] for name in ("tp", "fp", "tn", "fn"))
    sensitivity, specificity = _ratio(tp, tp + fn), _ratio(tn, tn + fp)
    return {
        "auc": auc(labels, probabilities, weights),
        "accuracy": _ratio(tp + tn, tp + tn + fp + fn),
        "balanced_accuracy": (sensitivity + specificity) / 2,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "precision": _ratio(tp, tp + fp),
        "npv": _ratio(tn, tn + fn),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
    }


def class_report(
    labels: np.ndarray, probabilities: np.ndarray, names: Sequence[str], threshold: float = 0.5
) -> list[dict[str, Any]]:
    """Return precision, recall, f1 and support of each of the two classes, in their order."""
    found = counts_at(labels, probabilities, threshold)
    rows = []
    for name, right, wrongly, missed in (
        (names[0], found["tn"], found["fn"], found["fp"]),
        (names[1], found["tp"], found["fp"], found["fn"]),
    ):
        rows.append(
            {
                "class": name,
                "precision": _ratio(right, right + wrongly),
                "recall": _ratio(right, right + missed),
                "f1": _ratio(2 * right, 2 * right + wrongly + missed),
                "support": int(right + missed),
            }
        )
    return rows


def bootstrap_intervals(
    score: Callable[[np.ndarray], Mapping[str, float]],
    patients: Sequence[str],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, tuple[float, float]]:
    """Return 95 % intervals of scores, whole patients drawn with replacement.

    None is claimed under ten patients, nor where all draws agree: that 15 of 15 are right does not make it certain that
    the next one is.

    Args:
        score: weights (N,) -> scores by name.
        patients: (N,) of whom each image is: images of one patient are drawn together.
        seed: of the draw.
        resamples: number of draws; those without one of the classes are passed over.
    """
    of_row = np.unique(np.asarray(patients, dtype=str), return_inverse=True)[1]
    count = int(of_row.max(initial=-1)) + 1
    if count < FEWEST_FOR_INTERVAL:
        return {}
    rng = np.random.default_rng(seed)
    drawn = [score(rng.multinomial(count, np.full(count, 1 / count)).astype(float)[of_row]) for _ in range(resamples)]
    intervals = {}
    for name in drawn[0]:
        values = np.array([one[name] for one in drawn])
        values = values[np.isfinite(values)]
        low, high = interval(values) if len(values) else (None, None)
        if low is not None:
            intervals[name] = (low, high)
    return intervals


def by_subtype(
    labels: np.ndarray, probabilities: np.ndarray, subtypes: Sequence[str], threshold: float = 0.5
) -> dict[str, dict[str, float]]:
    """Return for each subtype of class 1 the area against all of class 0, its sensitivity and its number."""
    kinds = np.asarray(subtypes, dtype=str)
    found = {}
    for kind in sorted(set(kinds[labels == 1])):
        chosen = (labels == 0) | (kinds == kind)
        own = (labels == 1) & (kinds == kind)
        found[kind] = {
            "auc": auc(labels[chosen], probabilities[chosen]),
            "sensitivity": float((probabilities[own] >= threshold).mean()),
            "n": int(own.sum()),
        }
    return found


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
