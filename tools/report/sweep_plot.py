"""Dice over probability thresholds as a picture."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from .curves import COLOURS


def draw_sweep(sweep: Mapping[str, Any], dark: bool = False) -> bytes:
    """Return a PNG of ``sweep.json``: one panel a class, the best threshold and the run's own marked.

    Args:
        sweep: as :class:`tools.handlers.threshold_sweep.ThresholdSweep` writes it.
        dark: light lines on a dark ground.

    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    ground, ink = ("#1b1f24", "#d7dde3") if dark else ("#ffffff", "#333a42")
    classes = sweep["classes"]
    figure = Figure(figsize=(6.0 * len(classes), 3.6), dpi=130, facecolor=ground, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (name, of_class) in zip(figure.subplots(1, len(classes), squeeze=False)[0], classes.items(), strict=True):
        axes.set_facecolor(ground)
        _draw_lines(axes, sweep["thresholds"], of_class)
        _mark(axes, sweep["threshold"], of_class.get("best"), ink)
        axes.set_title(name, color=ink, fontsize=11, parse_math=False)
        axes.set_xlabel("probability threshold", color=ink, fontsize=9)
        axes.set_ylabel("Dice", color=ink, fontsize=9)
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
        axes.tick_params(colors=ink, labelsize=8)
        axes.grid(alpha=0.25)
        for spine in axes.spines.values():
            spine.set_color(ink)
            spine.set_alpha(0.4)
        axes.legend(fontsize=8, facecolor=ground, labelcolor=ink, edgecolor="none", framealpha=0.7)
    content = io.BytesIO()
    figure.savefig(content, format="png", facecolor=ground)
    return content.getvalue()


def _draw_lines(axes: Any, thresholds: Sequence[float], of_class: Mapping[str, Any]) -> None:
    """Draw the two curves, each with its interval where one is claimed."""
    lines = (("mean over patients", "per_case", "mean"), ("pooled over voxels", "pooled", "value"))
    for (name, kind, key), colour in zip(lines, COLOURS, strict=False):
        known = [(at, values) for at, values in zip(thresholds, of_class[kind], strict=True) if values[key] is not None]
        if not known:
            continue
        where = [at for at, _ in known]
        axes.plot(where, [values[key] for _, values in known], color=colour, marker="o", markersize=3, label=name)
        sides = (
            [math.nan if values[side] is None else values[side] for _, values in known] for side in ("low", "high")
        )
        axes.fill_between(where, *sides, color=colour, alpha=0.15, linewidth=0)


def _mark(axes: Any, threshold: float, best: Mapping[str, float] | None, ink: str) -> None:
    """Mark the threshold of the run's masks and the best one."""
    axes.axvline(threshold, color=ink, linestyle=":", linewidth=1, label=f"this run, {threshold:g}")
    if best:
        text = f"best mean, {best['threshold']:g}"
        axes.plot([best["threshold"]], [best["dice"]], "*", color="#c62828", markersize=12, label=text)
