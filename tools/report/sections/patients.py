"""How good the masks are: means with their spread, the kinds of Dice, lesions, then every patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import page
from ..bootstrap import FEWEST_FOR_INTERVAL
from ..dice_kinds import DICE_KINDS
from ..score_names import COLUMNS, SCORES, scores_in
from ..wording import interval, number, spread


def patients(scores: Mapping[str, Any], workflow: str | None = None) -> list[str]:
    """Return the means with their spread, then every patient, the worst first; nothing when there are no rows.

    Args:
        scores: ``patients.json``.
        workflow: the epoch is not told of an ``evaluate``, which has none.

    """
    rows = scores.get("rows") or []
    if not rows:
        return []
    epoch = f" after epoch {scores['epoch']}" if scores.get("epoch") and workflow != "evaluate" else ""
    parts = [page.heading(f"Patients{epoch}")]
    for name, of_class in (scores.get("summary") or {}).items():
        parts += _of_class(name, of_class, scores.get("conventions") or {})
    if any(row.get("spacing_known") is False for row in rows):
        parts.append(
            page.paragraph("The spacing is not known, so that nothing in mm or ml and no surface is reported.")
        )
    return [*parts, page.heading("Every patient, the worst first"), _table(rows)]


def _of_class(name: str, of_class: Mapping[str, Any], conventions: Mapping[str, Any]) -> list[str]:
    """Return the means of one class, what they mean, and the other kinds of Dice beside them."""
    scores = [score for score in COLUMNS if score in of_class]
    lines = [(COLUMNS[score], *spread(of_class[score])) for score in scores]
    parts = [
        page.paragraph(_about(name, of_class)),
        page.table(("score", "mean", "SD", "median", "95 % interval", "n"), lines),
    ]
    if conventions.get("detailed") and "surface_dice" in of_class:
        parts.append(page.paragraph(_detail(of_class, conventions)))
    kinds = of_class.get("dice_kinds")
    if kinds:
        cells = [(text, number(kinds[kind]["value"]), interval(kinds[kind])) for kind, text in DICE_KINDS.items()]
        parts += [
            page.heading(f"Four kinds of Dice: {name}", 3),
            page.paragraph(
                "One run, one set of masks. Compare a published Dice with the row that is computed as it was; "
                "pooled numbers weigh patients by their tumour."
            ),
            page.table(("Dice", "value", "95 % interval"), cells),
        ]
    return parts


def _about(name: str, of_class: Mapping[str, Any]) -> str:
    """Return how many patients the means stand on and which of them are left out."""
    count, empty, one = (of_class.get(key, 0) for key in ("n_patients", "n_empty", "n_one_empty"))
    text = f"{name}: {count} patients, means over patients"
    text += f"; {empty} with neither target nor prediction are left out of Dice and IoU" if empty else ""
    text += f"; {one} with only one of the two: Dice 0" if one else ""
    if count < FEWEST_FOR_INTERVAL:
        text += ". Fewer than ten patients: every case is shown and no interval is claimed"
    return text + "."


def _detail(of_class: Mapping[str, Any], conventions: Mapping[str, Any]) -> str:
    """Return what the detailed scores mean, and the lesions of all patients together."""
    text = f"Surface Dice at a tolerance of {conventions.get('surface_tolerance_mm'):g} mm. "
    one = of_class.get("n_one_empty", 0)
    text += f"Where one mask is empty ({one}), HD95 is the diagonal of the volume. " if one else ""
    lesions = of_class.get("lesions") or {}
    if not lesions:
        return text
    rate = lesions.get("sensitivity") or {}
    text += f"Lesions: {lesions['found']} of {lesions['found'] + lesions['missed']} found"
    text += f" ({number(rate.get('value'))}" + (f", {interval(rate)})" if rate.get("low") is not None else ")")
    text += f", {lesions['false']} false ({number(lesions.get('false_per_patient'))} a patient). "
    return text + (
        f"A lesion is a component in 3D ({conventions.get('lesion_connectivity')} neighbours); it is found when "
        f"{100 * conventions.get('lesion_overlap', 0):g} % of it is predicted, and a predicted one is false when less "
        "of it lies on target."
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return every patient, the worst first."""
    classes = len({row.get("class") for row in rows}) > 1
    scores = scores_in(rows)
    header = ["patient", *(["class"] if classes else []), *(COLUMNS[score] for score in scores)]
    ordered = sorted(rows, key=lambda row: (row.get("dice") is None, row.get("dice") or 0.0, str(row.get("patient"))))
    cells = [
        [
            row.get("patient"),
            *([row.get("class")] if classes else []),
            *(_value(score, row.get(score)) for score in scores),
        ]
        for row in ordered
    ]
    return page.table(header, cells, (0, 1) if classes else (0,))


def _value(score: str, value: Any) -> str:
    """Return a score as text; counts without decimals."""
    whole = score not in SCORES and isinstance(value, (int, float)) and score.startswith("lesions_")
    return f"{value:g}" if whole else number(value)
