"""The part of a report that a classifier needs: scores with intervals, pictures, classes, subtypes, attention."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import page
from ..class_pictures import PICTURES
from ..class_scores import CLASSES_JSON
from ..run_files import read_json, write_bytes

ATTENTION = "attention"
TITLES = {
    "auc": "ROC AUC",
    "balanced_accuracy": "balanced accuracy",
    "npv": "negative predictive value",
    "f1": "F1",
    "log_loss": "log-loss",
    "ece": "calibration error (ECE)",
    "sensitivity_at_90_specificity": "sensitivity at 90 % specificity",
}


def classes(folder: Path, split: str | None = None) -> list[str]:
    """Return the section of the run in ``folder``, nothing when it scored no classes; pictures are kept as files.

    ``split`` is the part that was scored: a temperature is fitted on the "validation" of its own training.
    """
    scores, parts = read_json(folder / CLASSES_JSON), []
    if scores:
        parts = [*_scores(scores), *_pictures(folder, scores), *_classes(scores)]
        parts += _calibration(scores["calibration"], split)
    return parts + _attention(folder / ATTENTION)


def _scores(scores: Mapping[str, Any]) -> list[str]:
    epoch = f" after epoch {scores['epoch']}" if scores.get("epoch") else ""
    names = scores["class_names"]
    rows = [
        (TITLES.get(name, name), _number(found["value"]), _interval(found)) for name, found in scores["scores"].items()
    ]
    text = (
        f"{scores['n']} images of {scores['n_patients']} patients. {names[1].capitalize()} is what is found: called "
        f"from a probability of {scores['threshold']:g} on."
    )
    if any("low" in found for found in scores["scores"].values()):
        text += " Intervals: 95 %, bootstrap over patients."
    header = ("score", "value", "95 % interval")
    return [page.heading(f"Classes{epoch}"), page.paragraph(text), page.table(header, rows)]


def _pictures(folder: Path, scores: Mapping[str, Any]) -> list[str]:
    pictures = []
    for name, draw in PICTURES:
        light = draw(scores)
        write_bytes(folder / f"{name.replace(' ', '_').lower()}.png", light)
        pictures.append(page.picture(light, name, draw(scores, dark=True)))
    return [page.gallery(pictures, small=True)]


def _classes(scores: Mapping[str, Any]) -> list[str]:
    header = ("class", "precision", "recall", "F1", "images")
    rows = [(row["class"], *map(_number, (row["precision"], row["recall"], row["f1"])), row["support"])
            for row in scores["report"]]  # fmt: skip
    parts = [page.heading("By class"), page.table(header, rows)]
    at = scores["sensitivity_at_specificity"].items()
    rows = [(f"{100 * float(name):g} %", _number(value)) for name, value in at]
    parts += [page.heading("Sensitivity at a specificity"), page.table(("specificity at least", "sensitivity"), rows)]
    kinds = scores.get("subtypes") or {}
    if set(kinds) - {"unknown"}:
        rows = [(name, _number(kind["auc"]), _number(kind["sensitivity"]), kind["n"]) for name, kind in kinds.items()]
        header = ("subtype", f"AUC against {scores['class_names'][0]}", "sensitivity", "images")
        parts += [page.heading("By subtype"), page.table(header, rows)]
    return parts


def _calibration(found: Mapping[str, Any], split: str | None) -> list[str]:
    source = "on these very images" if found["fitted_here"] else "on the validation part of the training"
    if found["fitted_here"]:
        source += ", so the value after it is too good"
    elif split == "validation":
        source += ": if that is what was scored, the value after it is too good"
    rows = [(name, _number(found[name]["ece"]), _number(found[name]["log_loss"])) for name in ("before", "after")]
    text = f"Temperature {found['temperature']:.3f}, fitted {source}. It changes no call at 0.5."
    header = ("temperature", "ECE", "log-loss")
    return [page.heading("Calibration"), page.paragraph(text), page.table(header, rows)]


def _attention(folder: Path) -> list[str]:
    """Return the pictures of attention; names in their list cannot lead out of the folder."""
    pictures = []
    for entry in read_json(folder / "index.json") or []:
        path = folder / Path(str(entry.get("picture"))).name
        if path.is_file():
            kind = "" if entry.get("kind") == "unlabelled" else f"{entry.get('kind')}: "
            caption = f"{kind}{entry.get('file')}"
            pictures.append(page.picture(path.read_bytes(), f"attention, {caption}", caption=caption))
    if not pictures:
        return []
    text = (
        "Left: lung mask and the cut between the sides; a box means that no lungs were found. Then: the attention of "
        "the CLS token over both sides. Right, where the mean of the map answers beside the tokens: what each place "
        "adds to that part of the answer, red for the second class, blue for the first. Both are of the image as it "
        "is, without its mirror image or turned ones, over which the probability may be averaged; each picture has its "
        "own scale, and all are drawn as the network sees them, squashed to its size."
    )
    return [page.heading("Attention"), page.paragraph(text), page.gallery(pictures)]


def _number(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, (int, float)) else "-"


def _interval(found: Mapping[str, Any]) -> str:
    return f"{found['low']:.3f} to {found['high']:.3f}" if found.get("low") is not None else "-"
