"""What one wants to know first: which run, how it ended, its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import page
from ..score_names import COLUMNS, SCORES
from ..wording import duration, number

SMOKE_ONLY = "Smoke only: this run saw synthetic phantoms. Its numbers say nothing about patients."


def head(title: str, summary: Mapping[str, Any]) -> list[str]:
    """Return title, notices and the numbers one looks for first."""
    parts = [page.heading(title, 1)]
    names = [f"{name} {summary[name]}" for name in ("version", "dataset", "device") if summary.get(name)]
    names += [f"{summary['split']} part"] if summary.get("split") else []
    parts.append(page.paragraph(", ".join(names) or "No summary.json: the run did not get to its end."))
    if summary.get("is_phantom"):
        parts.append(page.banner(SMOKE_ONLY))
    if summary.get("status") in ("stopped", "failed"):
        reason = summary.get("reason") or "no reason given"
        parts.append(page.banner(f"This run {summary['status']}: {reason}", bad=summary["status"] == "failed"))
    elif summary.get("reason"):
        parts.append(page.paragraph(f"Ended because {summary['reason']}."))
    cards = _cards(summary)
    return [*parts, page.facts(cards)] if cards else parts


def _cards(summary: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the numbers, the metric that the run is judged by first."""
    metric, metrics = summary.get("metric") or {}, summary.get("metrics") or {}
    cards = []
    if metric.get("best") is not None:
        epoch = f", weights of epoch {metric['epoch']}" if metric.get("epoch") else ""
        cards.append((f"{metric.get('name')}{epoch}", number(metric["best"])))
    wanted = (*SCORES[:4], "surface_dice", *(("accuracy",) if "auc" in metrics else ()))
    shown = [name for name in wanted if name in metrics and name != metric.get("name")]
    cards += [(COLUMNS[name], number(metrics[name])) for name in shown]
    cards += [(name, f"{summary[name]:g}") for name in ("epochs", "iterations") if summary.get(name)]
    if summary.get("seconds") is not None:
        cards.append(("time", duration(summary["seconds"])))
    return cards
