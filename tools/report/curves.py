"""Learning curves of a run as pictures."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SHOWN_METRICS = ("dice", "iou", "sensitivity", "precision")
COLOURS = ("#0b84d8", "#e07a10", "#2a9d4e", "#b0409f")


@dataclass(frozen=True)
class Panel:
    """One diagram: a title and lines, each a name with its epochs and values."""

    title: str
    lines: list[tuple[str, list[float], list[float]]]


def panels_of(history: Sequence[Mapping[str, Any]]) -> list[Panel]:
    """Return training loss, validation metrics and learning rate over epochs, those that ``history.jsonl`` holds."""
    panels = [
        Panel("training loss", [_column(history, "train", "loss")]),
        Panel("validation, mean over patients", [_column(history, "validation", name) for name in SHOWN_METRICS]),
        Panel("learning rate", [_column(history, "train", "lr")]),
    ]
    panels = [Panel(panel.title, [line for line in panel.lines if line[1]]) for panel in panels]
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
    axes.tick_params(colors=ink, labelsize=8)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.yaxis.get_offset_text().set_color(ink)
    axes.grid(alpha=0.25)
    for spine in axes.spines.values():
        spine.set_color(ink)
        spine.set_alpha(0.4)
    if len(panel.lines) > 1:
        axes.legend(fontsize=8, facecolor=ground, labelcolor=ink, edgecolor="none", framealpha=0.7)


def _column(history: Sequence[Mapping[str, Any]], kind: str, name: str) -> tuple[str, list[float], list[float]]:
    """Return one value over epochs, without the epochs that have none."""
    epochs, values = [], []
    for line in history:
        value = line.get("metrics", {}).get(name) if kind == "validation" else line.get(name)
        if line.get("kind") == kind and isinstance(value, (int, float)):
            epochs.append(line["epoch"])
            values.append(value)
    return name, epochs, values
