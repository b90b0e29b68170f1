"""Lesions of all patients together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .bootstrap import ratio
from .score_names import LESION_SCORES


def lesion_summary(rows: Sequence[Mapping[str, Any]], seed: int = 0) -> dict[str, Any]:
    """Return lesions found, missed and false of the rows of one class, and the rates that follow.

    ``sensitivity`` is found by all lesions, with value, low, high and n as of :func:`tools.report.bootstrap.ratio`
    (n counts patients with a lesion); ``false_per_patient`` is over all patients, with or without a lesion.
    """
    found, missed, false = ([row[score] for row in rows] for score in LESION_SCORES)
    lesions = [one + other for one, other in zip(found, missed, strict=True)]
    return {
        "found": sum(found),
        "missed": sum(missed),
        "false": sum(false),
        "sensitivity": ratio(found, lesions, seed),
        "false_per_patient": sum(false) / len(rows) if rows else None,
    }
