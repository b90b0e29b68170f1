"""What a classifier answered to images of which nothing is known."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from .. import page
from ..class_scores import PREDICTIONS_CSV

MOST_ROWS = 200


def answers(folder: Path, workflow: str | None) -> list[str]:
    """Return how many images were called what, and the table; nothing when this was no inference of a classifier."""
    path = folder / PREDICTIONS_CSV
    if workflow != "inference" or not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        return []
    counts = Counter(row["prediction"] for row in rows)
    text = f"{len(rows)} images: " + ", ".join(f"{count} called {name}" for name, count in sorted(counts.items())) + "."
    text += f" The first {MOST_ROWS} are shown; all are in {PREDICTIONS_CSV}." if len(rows) > MOST_ROWS else ""
    words = [number for number, name in enumerate(rows[0]) if name in ("file", "prediction")]
    shown = [list(row.values()) for row in rows[:MOST_ROWS]]
    header = [name.replace("_", " ") for name in rows[0]]
    return [page.heading("Answers"), page.paragraph(text), page.table(header, shown, words)]
