"""Dice of the same patients in two runs as a picture."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

BETTER, WORSE, EQUAL = "#2a9d4e", "#d1495b", "#8a94a0"


def draw_pairs(comparison: Mapping[str, Any], score: str, label: str, dark: bool = False) -> bytes:
    """Return a PNG, one row a class: each patient as a line from A to B, and the differences in order.

    Args:
        comparison: as :func:`tools.report.comparison.compare_runs` returns it.
        score: which score to draw; higher is better.
        label: how it is called.
        dark: light lines on a dark ground.

    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    ground, ink = ("#1b1f24", "#d7dde3") if dark else ("#ffffff", "#333a42")
    classes = comparison["classes"]
    figure = Figure(figsize=(9.0, 3.8 * len(classes)), dpi=120, facecolor=ground, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(classes), 2, squeeze=False, gridspec_kw={"width_ratios": [1, 1.6]})
    for (left, right), (name, of_class) in zip(grid, classes.items(), strict=True):
        pairs = [row for row in comparison["rows"] if row["class"] == name and row["score"] == score]
        pairs = [row for row in pairs if math.isfinite(row["difference"])]
        _draw_lines(left, pairs, of_class["scores"][score], ink)
        left.set_ylabel(label, color=ink, fontsize=9)
        _draw_differences(right, pairs, of_class["scores"][score]["difference"], ink)
        right.set_ylabel(f"{label}, B - A", color=ink, fontsize=9)
        left.set_title(name, color=ink, fontsize=11, parse_math=False)
        for axes in (left, right):
            _dress(axes, ground, ink)
    content = io.BytesIO()
    figure.savefig(content, format="png", facecolor=ground)
    return content.getvalue()


def _draw_lines(axes: Any, pairs: Sequence[Mapping[str, Any]], of_score: Mapping[str, Any], ink: str) -> None:
    """Draw a line a patient from A to B, and the means."""
    for row in pairs:
        axes.plot([0, 1], [row["a"], row["b"]], color=_colour(row["difference"]), alpha=0.6, marker="o", markersize=3)
    if pairs:
        axes.plot([0, 1], [of_score["a"], of_score["b"]], color=ink, linewidth=2.5, marker="D", markersize=6)
    axes.set(xlim=(-0.2, 1.2), ylim=(-0.02, 1.02), xticks=[0, 1], xticklabels=["A", "B"])
    axes.set_xlabel("thick: mean over pairs", color=ink, fontsize=9)


def _draw_differences(axes: Any, pairs: Sequence[Mapping[str, Any]], spread: Mapping[str, Any], ink: str) -> None:
    """Draw the differences from the worst to the best, with mean and interval."""
    differences = sorted(row["difference"] for row in pairs)
    axes.bar(range(len(differences)), differences, color=[_colour(value) for value in differences], width=0.8)
    axes.axhline(0, color=ink, linewidth=0.8)
    if spread["mean"] is not None:
        axes.axhline(spread["mean"], color=ink, linewidth=1.6, linestyle="--")
    text = f"{len(differences)} patients; dashed: mean"
    if spread["low"] is not None:
        axes.axhspan(spread["low"], spread["high"], color=ink, alpha=0.15, linewidth=0)
        text += ", band: 95 % interval"
    axes.set_xticks([])
    axes.set_xlabel(text, color=ink, fontsize=9)


def _colour(difference: float) -> str:
    return EQUAL if difference == 0 else BETTER if difference > 0 else WORSE


def _dress(axes: Any, ground: str, ink: str) -> None:
    """Give axes the colours of the page."""
    axes.set_facecolor(ground)
    axes.tick_params(colors=ink, labelsize=8)
    axes.grid(alpha=0.25, axis="y")
    for spine in axes.spines.values():
        spine.set_color(ink)
        spine.set_alpha(0.4)
