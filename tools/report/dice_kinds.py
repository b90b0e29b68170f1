"""The same masks, four numbers called Dice: a patient's, a slice's, and pooled over all voxels in two ways.

They differ by 0.1 and more on one data set, because a mean over patients weighs each patient the same while pooling
weighs them by their tumour: say which one a number is. All are restricted to one class.

- ``per_case``: the mean over patients of ``2 TP / (2 TP + FP + FN)``, the one that everything here is judged by;
- ``per_slice``: the mean over axial slices of all patients that hold target or prediction;
- ``pooled``: ``2 TP / (2 TP + FP + FN)`` of the voxels of all patients together;
- ``pooled_on_target_slices``: the same over those axial slices only that hold target, blind to false alarms elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .bootstrap import ratio, spread
from .patient_table import OVERLAPS, scans_of_patients, scores_of

DICE_KINDS = {
    "per_case": "mean over patients",
    "per_slice": "mean over slices with target or prediction",
    "pooled": "pooled over all voxels",
    "pooled_on_target_slices": "pooled over slices with target",
}


def dice_kinds(cases: Sequence[Mapping[str, Any]], seed: int = 0) -> dict[str, dict[str, dict[str, Any]]]:
    """Return for each class the four kinds, each with value, low, high (by patient, from ten on) and n patients.

    Args:
        cases: scans ``{"patient", "file", "class", **OVERLAPS in ml, "voxel_ml", "slices", "slice_dice_sum"}``.
        seed: of the bootstrap.

    """
    patients = scans_of_patients(cases)
    found = {}
    for name in sorted({name for _, name in patients}):
        scans = [of_patient for (_, of_class), of_patient in patients.items() if of_class == name]
        dice = spread([_dice_of(of_patient) for of_patient in scans], seed)
        hits, sums = zip(*(_voxels(of_patient) for of_patient in scans), strict=True)
        extra = [_total(of_patient, OVERLAPS[4]) for of_patient in scans]
        slice_sums = [sum(scan["slice_dice_sum"] for scan in of_patient) for of_patient in scans]
        slices = [sum(scan["slices"] for scan in of_patient) for of_patient in scans]
        on_target = [whole - out for whole, out in zip(sums, extra, strict=True)]
        found[name] = {
            "per_case": {"value": dice["mean"], **{key: dice[key] for key in ("low", "high", "n")}},
            "per_slice": ratio(slice_sums, slices, seed),
            "pooled": ratio(hits, sums, seed),
            "pooled_on_target_slices": ratio(hits, on_target, seed),
        }
    return found


def _dice_of(scans: Sequence[Mapping[str, Any]]) -> float:
    """Return the Dice of a patient as the table of patients has it, from volumes in ml."""
    return scores_of({key: sum(scan[key] for scan in scans) for key in OVERLAPS})["dice"]


def _voxels(scans: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Return twice the voxels hit, and the voxels of prediction and target together."""
    hit, extra, missed = (_total(scans, name) for name in OVERLAPS[:3])
    return 2 * hit, 2 * hit + extra + missed


def _total(scans: Sequence[Mapping[str, Any]], name: str) -> float:
    """Return an overlap in voxels, which is what others pool."""
    return sum(scan[name] / scan["voxel_ml"] for scan in scans)
