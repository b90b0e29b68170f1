"""Spread over patients, with 95 % intervals from a bootstrap that draws patients.

Patients are drawn with replacement and the statistic is computed anew each time; the interval reaches from the 2.5th to
the 97.5th percentile (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3). Slices or voxels
of one patient are not independent of each other and are never drawn by themselves. Under ten patients no interval is
claimed: the percentile bootstrap of so few is too narrow. Nor is one where all patients have the same value: that
eleven of eleven lesions were found does not make it certain that the next one is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

FEWEST_FOR_INTERVAL = 10
RESAMPLES = 2000
# rounding of sums of equal values
SAME = 1e-12


def spread(values: Sequence[float], seed: int = 0) -> dict[str, Any]:
    """Return mean, sd, median, low, high and n of one value a patient; NaN counts as no value.

    ``sd`` needs two patients, ``low`` and ``high`` (of the mean) need ten that are not all alike, otherwise they are
    None.
    """
    known = np.array([value for value in values if math.isfinite(value)], dtype=float)
    found: dict[str, Any] = dict.fromkeys(("mean", "sd", "median", "low", "high"))
    found["n"] = len(known)
    if len(known):
        found["mean"], found["median"] = float(known.mean()), float(np.median(known))
    if len(known) > 1:
        found["sd"] = float(known.std(ddof=1))
    if len(known) >= FEWEST_FOR_INTERVAL:
        found["low"], found["high"] = interval(known[_drawn(len(known), seed)].mean(axis=1))
    return found


def ratio(parts: Sequence[float], wholes: Sequence[float], seed: int = 0) -> dict[str, Any]:
    """Return value, low, high and n of ``sum(parts) / sum(wholes)``, one part and whole a patient.

    ``value`` is None when there is nothing to divide by; ``low`` and ``high`` need ten patients whose whole is not 0
    and whose ratios are not all alike.
    """
    part, whole = np.asarray(parts, dtype=float), np.asarray(wholes, dtype=float)
    part, whole = part[whole > 0], whole[whole > 0]
    found: dict[str, Any] = {"value": None, "low": None, "high": None, "n": len(whole)}
    if len(whole):
        found["value"] = float(part.sum() / whole.sum())
    if len(whole) >= FEWEST_FOR_INTERVAL:
        drawn = _drawn(len(whole), seed)
        found["low"], found["high"] = interval(part[drawn].sum(axis=1) / whole[drawn].sum(axis=1))
    return found


def _drawn(count: int, seed: int) -> np.ndarray:
    """Return indices of patients (resamples, count), drawn with replacement."""
    return np.random.default_rng(seed).integers(0, count, size=(RESAMPLES, count))


def interval(statistics: np.ndarray) -> tuple[float, float] | tuple[None, None]:
    """Return the 2.5th and 97.5th percentile, None for both when all statistics are the same."""
    if np.ptp(statistics) <= SAME * np.abs(statistics).max():
        return None, None
    low, high = np.quantile(statistics, (0.025, 0.975))
    return float(low), float(high)
