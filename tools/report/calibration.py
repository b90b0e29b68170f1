"""Whether probabilities mean what they say, and one number that makes them.

Guo et al., "On Calibration of Modern Neural Networks", 2017, https://arxiv.org/abs/1706.04599
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

SMALLEST = 1e-7
HIGHEST_TEMPERATURE = 20.0


def log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean of ``-log p`` of the right class, probabilities kept 1e-7 away from 0 and 1."""
    p = np.clip(probabilities, SMALLEST, 1 - SMALLEST)
    return float(-np.where(labels == 1, np.log(p), np.log1p(-p)).mean())


def reliability(labels: np.ndarray, probabilities: np.ndarray, bins: int = 10) -> list[dict[str, Any]]:
    """Return the bins of a reliability diagram of class 1 that hold anything.

    Returns:
        For each its ``low`` and ``high`` edge, mean ``probability``, ``share`` of class 1, number ``n``.
    """
    place = np.minimum((probabilities * bins).astype(int), bins - 1)
    rows = []
    for number in range(bins):
        inside = place == number
        if inside.any():
            rows.append(
                {
                    "low": number / bins,
                    "high": (number + 1) / bins,
                    "probability": float(probabilities[inside].mean()),
                    "share": float((labels[inside] == 1).mean()),
                    "n": int(inside.sum()),
                }
            )
    return rows


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray, bins: int = 10) -> float:
    """Return ``sum_b n_b / n |share_b - probability_b|`` over bins of equal width of the probability of class 1."""
    rows = reliability(labels, probabilities, bins)
    return sum(row["n"] * abs(row["share"] - row["probability"]) for row in rows) / max(len(labels), 1)


def with_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return ``sigmoid(logit(p) / temperature)``: softmax of two logits divided by it. 0.5 stays 0.5."""
    p = np.clip(np.asarray(probabilities, dtype=np.float64), SMALLEST, 1 - SMALLEST)
    return 1.0 / (1.0 + np.exp(-(np.log(p) - np.log1p(-p)) / temperature))


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the temperature from 1/20 to 20 with the least log-loss, by golden section over its logarithm.

    Where the classes are told apart without an error the least lies at the edge; there the answer is 1, since such a
    set says nothing about how sure one may be.
    """
    edge = math.log(HIGHEST_TEMPERATURE)
    low, high, ratio = -edge, edge, (math.sqrt(5) - 1) / 2
    for _ in range(60):
        first, second = high - ratio * (high - low), low + ratio * (high - low)
        losses = [log_loss(labels, with_temperature(probabilities, math.exp(at))) for at in (first, second)]
        low, high = (low, second) if losses[0] <= losses[1] else (first, high)
    best = (low + high) / 2
    return 1.0 if abs(best) > edge - 1e-3 else math.exp(best)
