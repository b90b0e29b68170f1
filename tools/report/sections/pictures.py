"""Learning curves and slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import page
from ..curves import draw_curves, panels_of
from ..run_files import OVERLAYS, read_json, write_bytes
from ..wording import number


def curves(folder: Path, history: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the learning curves, which are also kept as a file."""
    panels = panels_of(history)
    if not panels:
        return []
    write_bytes(folder / "curves.png", draw_curves(panels))
    pictures = [
        page.picture(draw_curves([panel]), f"{panel.title} over epochs", draw_curves([panel], dark=True))
        for panel in panels
    ]
    return [page.heading("Learning curves"), page.gallery(pictures, small=True)]


def slices(run: Path) -> list[str]:
    """Return the overlays; names in their list cannot lead out of the folder."""
    folder = run / OVERLAYS
    pictures = []
    for entry in read_json(folder / "index.json") or []:
        path = folder / Path(str(entry.get("file"))).name
        if path.is_file():
            dice = "" if entry.get("dice") is None else f", Dice {number(entry['dice'])}"
            kind = "" if entry.get("kind") == "case" else f"{entry.get('kind', '')}: "
            caption = f"{kind}{entry.get('patient')}{dice}"
            pictures.append(page.picture(path.read_bytes(), f"slice of {caption}", caption=caption))
    return [page.heading("Slices"), page.gallery(pictures)] if pictures else []
