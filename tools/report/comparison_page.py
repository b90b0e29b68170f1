"""The comparison of two runs as files: compare.json, compare.csv, compare.png and one page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import page
from .bootstrap import FEWEST_FOR_INTERVAL
from .comparison import TESTED, to_csv
from .paired_plot import draw_pairs
from .paired_runs import named
from .run_files import write_bytes, write_json, write_text
from .score_names import COLUMNS
from .sections.head import SMOKE_ONLY
from .wording import interval, number

STEM = "compare"


def write_comparison(comparison: Mapping[str, Any], output: Path) -> Path:
    """Write all files into ``output`` and return the path of the page."""
    write_json(output / f"{STEM}.json", comparison)
    write_text(output / f"{STEM}.csv", to_csv(comparison["rows"]))
    write_bytes(output / f"{STEM}.png", draw_pairs(comparison, TESTED, COLUMNS[TESTED]))
    return write_text(output / f"{STEM}.html", page.page("Comparison of two runs", _body(comparison)))


def verdict(of_class: Mapping[str, Any]) -> str:
    """Return in a sentence what the differences in Dice allow to say."""
    difference = of_class["scores"][TESTED]["difference"]
    if difference["mean"] is None:
        return "no pair has a Dice in both runs."
    text = f"mean difference in Dice B - A {difference['mean']:+.3f} over {difference['n']} pairs"
    if difference["n"] < FEWEST_FOR_INTERVAL:
        return f"{text}; fewer than {FEWEST_FOR_INTERVAL} pairs, so no interval and no test.{_unpaired(of_class)}"
    if difference["low"] is None:
        return f"{text}, the same in each: no interval.{_unpaired(of_class)}"
    text += f", 95 % interval {difference['low']:+.3f} to {difference['high']:+.3f}"
    unclear = difference["low"] <= 0 <= difference["high"]
    text += ": the interval holds 0, so the data do not tell the runs apart." if unclear else "."
    test = of_class["test"]
    if test:
        text += (
            f" {test['name']} on {test['n_pairs']} pairs ({test['n_changed']} of them changed): p = {test['p']:.2g}."
        )
    return text + _unpaired(of_class)


def _unpaired(of_class: Mapping[str, Any]) -> str:
    """Return how many patients have a Dice in one run only: a false alarm where the other run has none is no pair."""
    count = len(of_class["scores"][TESTED]["value_in_one_only"])
    return f" Not among the pairs: {count} with a Dice in one run only." if count else ""


def _body(comparison: Mapping[str, Any]) -> list[str]:
    """Return the pieces of the page."""
    parts = [page.heading("Comparison of two runs", 1), page.paragraph(f"{comparison['n_pairs']} patients in both.")]
    if comparison["a"].get("is_phantom") or comparison["b"].get("is_phantom"):
        parts.append(page.banner(SMOKE_ONLY.replace("this run", "these runs")))
    shown = [name for name in comparison["a"] if comparison["a"][name] is not None or comparison["b"][name] is not None]
    facts = [(name.replace("_", " "), _text(comparison["a"][name]), _text(comparison["b"][name])) for name in shown]
    parts.append(page.table(("", "A", "B"), facts, (0, 1, 2)))
    for side in ("a", "b"):
        if comparison[f"only_{side}"]:
            names = named(comparison[f"only_{side}"])
            parts.append(page.banner(f"Only in {side.upper()}, left out: {names}."))
    for name, of_class in comparison["classes"].items():
        parts += [page.heading(name), page.paragraph(verdict(of_class)), _scores(of_class)]
        parts += _one_sided(of_class["scores"])
    if comparison["classes_in_one_only"]:
        parts.append(page.banner(f"Segmented by one run only, left out: {named(comparison['classes_in_one_only'])}."))
    if comparison["left_out"]:
        reasons = (f"{COLUMNS[score]} ({reason})" for score, reason in sorted(comparison["left_out"].items()))
        parts.append(page.paragraph(f"Not compared: {', '.join(reasons)}."))
    pictures = (draw_pairs(comparison, TESTED, COLUMNS[TESTED], dark) for dark in (False, True))
    light, night = pictures
    picture = page.picture(light, "Dice of each patient in A and B, and the differences in order", night)
    return [*parts, page.heading("Pairs"), f'<div class="card">{picture}</div>', *_pairs(comparison["rows"])]


def _scores(of_class: Mapping[str, Any]) -> str:
    """Return the table of scores of one class."""
    header = ("score", "A", "B", "B - A", "95 % interval", "pairs", "better", "worse", "equal")
    lines = []
    for score, values in of_class["scores"].items():
        difference = values["difference"]
        counts = ("-" if values[key] is None else values[key] for key in ("better", "worse", "equal"))
        means = (number(values[key]) for key in ("a", "b"))
        mean = "-" if difference["mean"] is None else number(difference["mean"])
        lines.append((COLUMNS[score], *means, mean, interval(difference), difference["n"], *counts))
    return page.table(header, lines)


def _one_sided(scores: Mapping[str, Any]) -> list[str]:
    """Return who has a Dice in one run only, and is therefore in no difference."""
    patients = scores[TESTED]["value_in_one_only"]
    if not patients:
        return []
    return [
        page.banner(
            f"No pair, since they have a Dice in one run only: {named(patients)}. Without target, a patient has none "
            "when nothing is predicted and 0 when something is: look at millilitres on empty slices and false lesions."
        )
    ]


def _pairs(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return Dice of every patient in both runs, the greatest loss first."""
    tested = [row for row in rows if row["score"] == TESTED]
    ordered = sorted(tested, key=lambda row: (math.isnan(row["difference"]), row["difference"], row["patient"]))
    cells = [[row["patient"], row["class"], *(number(row[key]) for key in ("a", "b", "difference"))] for row in ordered]
    return [
        page.heading("Every patient, the greatest loss first"),
        page.table(("patient", "class", "Dice A", "Dice B", "B - A"), cells, (0, 1)),
    ]


def _text(value: Any) -> str:
    return "-" if value is None else str(value)
