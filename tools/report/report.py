"""One self-contained page about a run: what was done, how good it is, and where it fails."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import page
from .curves import draw_curves, panels_of
from .patient_table import FEWEST_FOR_INTERVAL, SCORES
from .run_files import (
    CONFIG,
    HISTORY,
    INCIDENTS,
    OVERLAYS,
    PATIENTS_JSON,
    REPORT,
    SUMMARY,
    read_json,
    read_json_lines,
    write_bytes,
    write_text,
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
}
MOST_INCIDENTS = 50


def build_report(output_dir: str | Path) -> Path:
    """Write ``report.html`` (and ``curves.png``) of the run in ``output_dir`` from what it left there; return its path.

    The page holds all it shows: no script, nothing fetched from a network. What the run did not leave is left out.

    Raises:
        FileNotFoundError: when ``output_dir`` is not a folder or holds nothing of a run.
        ValueError: when a file in it cannot be read; names the file.

    """
    folder = Path(output_dir)
    sources = (SUMMARY, HISTORY, PATIENTS_JSON)
    if not any((folder / name).is_file() for name in sources):
        state = "holds none of them" if folder.is_dir() else "is not a folder"
        raise FileNotFoundError(
            f"A report is made from {', '.join(sources)} of a run, but {folder} {state}: give the output_dir of a run."
        )
    summary = read_json(folder / SUMMARY) or {}
    history = read_json_lines(folder / HISTORY)
    title = f"{summary.get('bundle') or folder.resolve().name}: {summary.get('workflow') or 'run'}"
    body = [
        *_head(title, summary),
        *_curves(folder, history),
        *_patients(read_json(folder / PATIENTS_JSON) or {}),
        *_pictures(folder / OVERLAYS),
        *_incidents(read_json_lines(folder / INCIDENTS)),
        *_origin(summary, read_json(folder / CONFIG)),
    ]
    return write_text(folder / REPORT, page.page(title, body))


def _head(title: str, summary: Mapping[str, Any]) -> list[str]:
    """Return title, notices and the numbers one looks for first."""
    parts = [page.heading(title, 1)]
    names = [f"{name} {summary[name]}" for name in ("version", "dataset", "device") if summary.get(name)]
    parts.append(page.paragraph(", ".join(names) or "No summary.json: the run did not get to its end."))
    if summary.get("is_phantom"):
        parts.append(
            page.banner("Smoke only: this run saw synthetic phantoms. Its numbers say nothing about patients.")
        )
    if summary.get("status") in ("stopped", "failed"):
        reason = summary.get("reason") or "no reason given"
        parts.append(page.banner(f"This run {summary['status']}: {reason}", bad=summary["status"] == "failed"))
    elif summary.get("reason"):
        parts.append(page.paragraph(f"Ended because {summary['reason']}."))
    metric, metrics = summary.get("metric") or {}, summary.get("metrics") or {}
    cards = []
    if metric.get("best") is not None:
        epoch = f", best in epoch {metric['epoch']}" if metric.get("epoch") else ""
        cards.append((f"{metric.get('name')}{epoch}", _number(metric["best"])))
    shown = [name for name in SCORES[:4] if name in metrics and name != metric.get("name")]
    cards += [(COLUMNS[name], _number(metrics[name])) for name in shown]
    cards += [(name, f"{summary[name]:g}") for name in ("epochs", "iterations") if summary.get(name)]
    if summary.get("seconds") is not None:
        cards.append(("time", _duration(summary["seconds"])))
    return [*parts, page.facts(cards)] if cards else parts


def _curves(folder: Path, history: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the learning curves, which are also kept as a file."""
    panels = panels_of(history)
    if not panels:
        return []
    write_bytes(folder / "curves.png", draw_curves(panels))
    pictures = [
        page.picture(draw_curves([panel]), f"{panel.title} over epochs", draw_curves([panel], dark=True))
        for panel in panels
    ]
    return [page.heading("Learning curves"), page.gallery(pictures, small=True)]


def _patients(scores: Mapping[str, Any]) -> list[str]:
    """Return the means with their spread, then every patient, the worst first."""
    rows = scores.get("rows") or []
    if not rows:
        return []
    epoch = f" after epoch {scores['epoch']}" if scores.get("epoch") else ""
    parts = [page.heading(f"Patients{epoch}")]
    for name, of_class in (scores.get("summary") or {}).items():
        count, empty = of_class.get("n_patients", 0), of_class.get("n_empty", 0)
        text = f"{name}: {count} patients, means over patients"
        text += f"; {empty} with neither target nor prediction are left out of Dice and IoU" if empty else ""
        if count < FEWEST_FOR_INTERVAL:
            text += ". Fewer than ten patients: every case is shown and no interval is claimed"
        parts.append(page.paragraph(text + "."))
        lines = [(COLUMNS[score], *_spread(of_class.get(score) or {})) for score in SCORES]
        parts.append(page.table(("score", "mean", "SD", "median", "95 % interval", "n"), lines))
    classes = len({row.get("class") for row in rows}) > 1
    header = ["patient", *(["class"] if classes else []), *COLUMNS.values()]
    ordered = sorted(rows, key=lambda row: (row.get("dice") is None, row.get("dice") or 0.0, str(row.get("patient"))))
    cells = [
        [row.get("patient"), *([row.get("class")] if classes else []), *(_number(row.get(score)) for score in SCORES)]
        for row in ordered
    ]
    return [
        *parts,
        page.heading("Every patient, the worst first"),
        page.table(header, cells, (0, 1) if classes else (0,)),
    ]


def _pictures(folder: Path) -> list[str]:
    """Return the overlays; names in their list cannot lead out of the folder."""
    pictures = []
    for entry in read_json(folder / "index.json") or []:
        path = folder / Path(str(entry.get("file"))).name
        if path.is_file():
            dice = "" if entry.get("dice") is None else f", Dice {_number(entry['dice'])}"
            caption = (
                f"{'' if entry.get('kind') == 'case' else entry.get('kind', '') + ': '}{entry.get('patient')}{dice}"
            )
            pictures.append(page.picture(path.read_bytes(), f"slice of {caption}", caption=caption))
    return [page.heading("Slices"), page.gallery(pictures)] if pictures else []


def _incidents(incidents: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what the stability guard met, the latest first."""
    if not incidents:
        return []
    latest = list(reversed(incidents))[:MOST_INCIDENTS]
    names = list(dict.fromkeys(key for incident in latest for key in incident))
    rows = [[_cell(incident.get(name)) for name in names] for incident in latest]
    count = "1 training step was" if len(incidents) == 1 else f"{len(incidents)} training steps were"
    text = f"{count} not taken because something was not finite."
    text += (
        f" The latest {MOST_INCIDENTS} are shown; all are in {INCIDENTS}." if len(incidents) > MOST_INCIDENTS else ""
    )
    return [page.heading("Incidents"), page.paragraph(text), page.table(names, rows, range(len(names)))]


def _origin(summary: Mapping[str, Any], config: Any) -> list[str]:
    """Return what one needs to do it again: versions, seed, fingerprint of the data, configuration."""
    known = [(name, summary.get(name)) for name in ("seed", "amp", "device", "data_fingerprint")]
    rows = [(name.replace("_", " "), value) for name, value in known if value is not None]
    rows += sorted((summary.get("versions") or {}).items())
    parts = [page.heading("Origin"), page.table(("what", "value"), rows, (0, 1))] if rows else []
    if config:
        parts.append(page.fold("Configuration", json.dumps(config, indent=2, ensure_ascii=False)))
    return parts


def _spread(values: Mapping[str, Any]) -> list[str]:
    """Return mean, sd, median, interval and number as text."""
    interval = f"{_number(values['low'])} to {_number(values['high'])}" if values.get("low") is not None else "-"
    return [*(_number(values.get(name)) for name in ("mean", "sd", "median")), interval, str(values.get("n", 0))]


def _number(value: Any) -> str:
    """Return a number with three decimals, or with one from ten on; a dash for none."""
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        return "-"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def _cell(value: Any) -> str:
    """Return any value of JSON as short text."""
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else text[:197] + "..."


def _duration(seconds: float) -> str:
    """Return seconds as people say them."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
