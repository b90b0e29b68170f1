"""The scores of a patient: their names in files, what they are called in a report, and which way is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
SURFACE_SCORES = ("surface_dice", "hd95_mm")
LESION_SCORES = ("lesions_found", "lesions_missed", "lesions_false")
DETAILED_SCORES = (*SURFACE_SCORES, "volume_error_ml", "absolute_volume_error_ml", *LESION_SCORES)
# what means nothing when nobody knows the size of a voxel, as in volumes stacked from pictures
SCORES_IN_MM = frozenset(
    (
        "volume_ml",
        "target_ml",
        "false_positive_ml_on_empty_slices",
        "volume_error_ml",
        "absolute_volume_error_ml",
        *SURFACE_SCORES,
    )
)
COLUMNS = {
    "dice": "Dice",
    "iou": "IoU",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "precision": "precision",
    "accuracy": "accuracy",
    "volume_ml": "predicted ml",
    "target_ml": "target ml",
    "false_positive_ml_on_empty_slices": "ml on empty slices",
    "surface_dice": "surface Dice",
    "hd95_mm": "HD95 mm",
    "volume_error_ml": "volume error ml",
    "absolute_volume_error_ml": "absolute volume error ml",
    "lesions_found": "lesions found",
    "lesions_missed": "lesions missed",
    "lesions_false": "lesions false",
}
# the others (volumes, signed errors) are neither good nor bad by themselves
HIGHER_IS_BETTER = frozenset(
    ("dice", "iou", "sensitivity", "specificity", "precision", "accuracy", "surface_dice", "lesions_found")
)
LOWER_IS_BETTER = frozenset(
    (
        "false_positive_ml_on_empty_slices",
        "hd95_mm",
        "absolute_volume_error_ml",
        "lesions_missed",
        "lesions_false",
    )
)


def scores_in(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the names of the scores that rows hold, in order.

    The detailed ones only where every row has them, those in mm and ml only where the spacing of every row is known.
    """
    detailed = bool(rows) and all(name in row for row in rows for name in DETAILED_SCORES)
    scores = (*SCORES, *DETAILED_SCORES) if detailed else SCORES
    if any(row.get("spacing_known") is False for row in rows):
        return tuple(score for score in scores if score not in SCORES_IN_MM)
    return scores
