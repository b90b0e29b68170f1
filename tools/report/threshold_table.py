"""From voxels above thresholds to Dice per patient and pooled, and the threshold with the best mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .bootstrap import ratio, spread
from .patient_table import scans_of_patients

MIDDLE = 0.5


def threshold_table(
    cases: Sequence[Mapping[str, Any]], thresholds: Sequence[float], seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Return for each class Dice over thresholds and the best threshold.

    ``per_case`` holds for each threshold mean, low, high and n of the patients' Dice, ``pooled`` value, low and high
    over the voxels of all. A patient without target has no Dice where nothing is predicted and 0 where something is, so
    n may fall as the threshold rises. ``best`` and ``best_pooled`` are ``{"threshold", "dice"}``, of equal ones the
    nearest to 0.5, or None when nobody has a Dice.

    Args:
        cases: scans ``{"patient", "file", "class", "voxel_ml", "predicted", "hit", "target"}`` in voxels, the first two
            for each threshold.
        thresholds: as in the cases.
        seed: of the bootstrap.

    """
    patients = scans_of_patients(cases)
    table = {}
    for name in sorted({name for _, name in patients}):
        scans = [of_patient for (_, of_class), of_patient in patients.items() if of_class == name]
        per_case = [spread([_dice(of_patient, step) for of_patient in scans], seed) for step in range(len(thresholds))]
        pooled = [_pooled(scans, step, seed) for step in range(len(thresholds))]
        table[name] = {
            "n_patients": len(scans),
            "per_case": [{key: values[key] for key in ("mean", "low", "high", "n")} for values in per_case],
            "pooled": [{key: values[key] for key in ("value", "low", "high")} for values in pooled],
            "best": _best(thresholds, [values["mean"] for values in per_case]),
            "best_pooled": _best(thresholds, [values["value"] for values in pooled]),
        }
    return table


def _dice(scans: Sequence[Mapping[str, Any]], step: int) -> float:
    """Return the Dice of a patient, of volumes as in the table of patients; NaN when there is nothing anywhere."""
    whole = sum((scan["predicted"][step] + scan["target"]) * scan["voxel_ml"] for scan in scans)
    hit = sum(scan["hit"][step] * scan["voxel_ml"] for scan in scans)
    return 2 * hit / whole if whole > 0 else math.nan


def _pooled(patients: Sequence[Sequence[Mapping[str, Any]]], step: int, seed: int) -> dict[str, Any]:
    """Return the Dice of the voxels of all patients."""
    hits = [2 * sum(scan["hit"][step] for scan in scans) for scans in patients]
    wholes = [sum(scan["predicted"][step] + scan["target"] for scan in scans) for scans in patients]
    return ratio(hits, wholes, seed)


def _best(thresholds: Sequence[float], dices: Sequence[float | None]) -> dict[str, float] | None:
    """Return the threshold with the greatest Dice, of equal ones the nearest to the middle."""
    known = [(dice, threshold) for dice, threshold in zip(dices, thresholds, strict=True) if dice is not None]
    if not known:
        return None
    dice, threshold = max(known, key=lambda pair: (pair[0], -abs(pair[1] - MIDDLE)))
    return {"threshold": threshold, "dice": dice}
