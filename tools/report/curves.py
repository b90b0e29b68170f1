"""Learning curves of a run as pictures."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

SHOWN_METRICS = ("dice", "iou", "sensitivity", "precision")
CLASS_METRICS = ("auc", "accuracy", "sensitivity", "specificity")
COLOURS = ("#0b84d8", "#e07a10", "#2a9d4e", "#b0409f")


@dataclass(frozen=True)
class Panel:
    """One diagram: a title and lines, each a name with its epochs and values; ``log`` for values of all sizes."""

    title: str
    lines: list[tuple[str, list[float], list[float]]]
    log: bool = False


def panels_of(history: Sequence[Mapping[str, Any]]) -> list[Panel]:
    """Return training loss and its parts, validation metrics and learning rate, those that ``history.jsonl`` holds."""
    of_classes = any("auc" in line.get("metrics", {}) for line in history)
    title, names = ("validation", CLASS_METRICS) if of_classes else ("validation, mean over patients", SHOWN_METRICS)
    panels = [
        Panel("training loss", [_column(history, "train", "loss")]),
        Panel("parts of the loss, before weighting", [_part(history, name) for name in _parts(history)], log=True),
        Panel(title, [_column(history, "validation", name) for name in names]),
        Panel("learning rate", [_column(history, "train", "lr")]),
    ]
    panels = [replace(panel, lines=[line for line in panel.lines if line[1]]) for panel in panels]
    return [panel for panel in panels if panel.lines]


def draw_curves(panels: Sequence[Panel], dark: bool = False) -> bytes:
    """Return a PNG with the panels side by side, as light lines on a dark ground when ``dark``."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    ground, ink = ("#1b1f24", "#d7dde3") if dark else ("#ffffff", "#333a42")
    figure = Figure(figsize=(4.4 * len(panels), 3.1), dpi=130, facecolor=ground, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _draw_panel(axes, panel, ground, ink)
    content = io.BytesIO()
    figure.savefig(content, format="png", facecolor=ground)
    return content.getvalue()


def _draw_panel(axes: Any, panel: Panel, ground: str, ink: str) -> None:
    """Draw one panel with its lines and, for more than one, a legend."""
    axes.set_facecolor(ground)
    for (name, epochs, values), colour in zip(panel.lines, COLOURS, strict=False):
        axes.plot(epochs, values, label=name, color=colour, marker="o" if len(epochs) < 30 else None, markersize=3)
    axes.set_title(panel.title, color=ink, fontsize=11)
    axes.set_xlabel("epoch", color=ink, fontsize=9)
    axes.tick_params(which="both", colors=ink, labelsize=8)
    if panel.log:
        axes.set_yscale("log")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.yaxis.get_offset_text().set_color(ink)
    axes.grid(alpha=0.25)
    for spine in axes.spines.values():
        spine.set_color(ink)
        spine.set_alpha(0.4)
    if len(panel.lines) > 1:
        axes.legend(fontsize=8, facecolor=ground, labelcolor=ink, edgecolor="none", framealpha=0.7)


def _parts(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the parts of the loss, in the order they first appear."""
    names = dict.fromkeys(name for line in history if line.get("kind") == "train" for name in line)
    return [name for name in names if name.startswith("loss_") and name not in ("loss_min", "loss_max")]


def _part(history: Sequence[Mapping[str, Any]], name: str) -> tuple[str, list[float], list[float]]:
    """Return a part of the loss under its own name, where it is above 0 (the axis is logarithmic)."""
    _, epochs, values = _column(history, "train", name)
    above = [(epoch, value) for epoch, value in zip(epochs, values, strict=True) if value > 0]
    return name.removeprefix("loss_"), [epoch for epoch, _ in above], [value for _, value in above]


def _column(history: Sequence[Mapping[str, Any]], kind: str, name: str) -> tuple[str, list[float], list[float]]:
    """Return one value over epochs, without the epochs that have none."""
    epochs, values = [], []
    for line in history:
        value = line.get("metrics", {}).get(name) if kind == "validation" else line.get(name)
        if line.get("kind") == kind and isinstance(value, (int, float)):
            epochs.append(line["epoch"])
            values.append(value)
    return name, epochs, values
