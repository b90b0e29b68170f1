"""The table of benchmarks/xray_folds.py."""

from __future__ import annotations

import numpy as np

from .xray_series import SERIES
from .xray_variants import VARIANTS

SCORES = ("log_loss", "auc", "sensitivity", "specificity")


def table(lines: list[dict]) -> str:
    """Return a row a variant: means over folds, how much worse than the default in how many folds, the other series."""
    found = {name: {line["fold"]: line["scores"] for line in lines if line["variant"] == name} for name in VARIANTS}
    titles = (
        "folds",
        "log-loss",
        "against the default",
        "worse in",
        "AUC",
        "sensitivity",
        "specificity",
        "other series: log-loss",
        "other series: AUC",
    )
    rows = ["| variant | " + " | ".join(titles) + " |", "|---" * (len(titles) + 1) + "|"]
    for name, folds in found.items():
        if folds:
            rows.append("| " + " | ".join([name, *fold_cells(folds, found["default"]), *series_cells(folds)]) + " |")
    return "\n".join(rows)


def fold_cells(folds: dict[str, dict], default: dict[str, dict]) -> list[str]:
    """Return the cells of the folds by patient."""
    own = [fold for fold in folds if fold != SERIES]
    if not own:
        return ["0", *["-"] * (2 + len(SCORES))]
    worse = [mean(folds[fold], "log_loss") - mean(default[fold], "log_loss") for fold in own if fold in default]
    over = {score: np.mean([mean(folds[fold], score) for fold in own]) for score in SCORES}
    against = [f"{np.mean(worse):+.3f}", f"{sum(w > 0 for w in worse)} of {len(worse)}"] if worse else ["-", "-"]
    rest = [f"{over['auc']:.4f}", f"{over['sensitivity']:.3f}", f"{over['specificity']:.3f}"]
    return [str(len(own)), f"{over['log_loss']:.3f}", *against, *rest]


def series_cells(folds: dict[str, dict]) -> list[str]:
    """Return the cells of the series that was not trained on."""
    if SERIES not in folds:
        return ["-", "-"]
    return [f"{mean(folds[SERIES], 'log_loss'):.3f}", f"{mean(folds[SERIES], 'auc'):.4f}"]


def mean(scores: dict[str, dict[str, float]], score: str) -> float:
    """Return the mean of a score over all corruptions."""
    return float(np.mean([values[score] for values in scores.values()]))
