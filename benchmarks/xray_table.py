"""The table of benchmarks/xray_folds.py."""

from __future__ import annotations

import numpy as np

from .xray_variants import VARIANTS

SCORES = ("log_loss", "auc", "sensitivity", "specificity")


def table(lines: list[dict]) -> str:
    """Return a row a variant: means over folds, and how much worse than the default in how many folds."""
    found = {name: {line["fold"]: line["scores"] for line in lines if line["variant"] == name} for name in VARIANTS}
    titles = (
        "folds",
        "log-loss",
        "against the default",
        "worse in",
        "AUC",
        "AUC as it is",
        "sensitivity",
        "specificity",
    )
    rows = ["| variant | " + " | ".join(titles) + " |", "|---" * (len(titles) + 1) + "|"]
    for name, folds in found.items():
        if folds:
            shared = [fold for fold in folds if fold in found["default"]]
            worse = [mean(folds[k], "log_loss") - mean(found["default"][k], "log_loss") for k in shared]
            over = {score: np.mean([mean(fold, score) for fold in folds.values()]) for score in SCORES}
            clean = np.mean([fold["as it is"]["auc"] for fold in folds.values()])
            against = f"{np.mean(worse):+.3f}" if worse else "-"
            rows.append(
                f"| {name} | {len(folds)} | {over['log_loss']:.3f} | {against} | "
                f"{sum(w > 0 for w in worse)} of {len(shared)} | {over['auc']:.4f} | {clean:.4f} | "
                f"{over['sensitivity']:.3f} | {over['specificity']:.3f} |"
            )
    return "\n".join(rows)


def mean(scores: dict[str, dict[str, float]], score: str) -> float:
    """Return the mean of a score over all corruptions."""
    return float(np.mean([values[score] for values in scores.values()]))
