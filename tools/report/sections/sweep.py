"""Dice over thresholds, and what may be done with the best one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import page
from ..run_files import write_bytes
from ..sweep_plot import draw_sweep
from ..wording import number

PICTURE = "sweep.png"


def sweep(folder: Path, found: Mapping[str, Any]) -> list[str]:
    """Return the curve, which is also kept as a file, and the best threshold with the part it was chosen on."""
    classes = found.get("classes") or {}
    if not classes:
        return []
    write_bytes(folder / PICTURE, draw_sweep(found))
    split = found.get("split") or "unnamed"
    parts = [page.heading("Threshold sweep")]
    parts += [page.paragraph(_sentence(name, found, of_class, split)) for name, of_class in classes.items()]
    if split == "test":
        parts.append(
            page.banner(
                "These curves are of the test part. A threshold chosen on it makes the test score too good: choose on "
                "the validation part (--split validation) and evaluate that threshold here."
            )
        )
    picture = page.picture(draw_sweep(found), "Dice over probability thresholds", draw_sweep(found, dark=True))
    return [*parts, f'<div class="card">{picture}</div>']


def _sentence(name: str, found: Mapping[str, Any], of_class: Mapping[str, Any], split: str) -> str:
    """Return the best thresholds of a class and what the run's own one scores."""
    best, pooled = of_class.get("best"), of_class.get("best_pooled")
    if not best or not pooled:
        return f"{name}: no patient has a Dice at any threshold."
    own = of_class["per_case"][found["thresholds"].index(found["threshold"])]["mean"]
    count = f"{of_class['n_patients']} patients of the {split} part"
    text = (
        f"{name}, {count}: mean Dice is greatest, {number(best['dice'])}, "
        f"at {best['threshold']:g} (chosen on the {split} part); it is {number(own)} at {found['threshold']:g}, which "
        f"this run's masks were cut at. Pooled Dice is greatest, {number(pooled['dice'])}, at {pooled['threshold']:g}."
    )
    ends = (found["thresholds"][0], found["thresholds"][-1])
    return text + (" The best lies at the end of the range: sweep further." if best["threshold"] in ends else "")
