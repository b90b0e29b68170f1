"""Learning curves, slices and reconstructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import page
from ..curves import draw_curves, panels_of
from ..run_files import OVERLAYS, RECONSTRUCTIONS, read_json, write_bytes
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
    """Return the overlays."""
    return _gallery(run / OVERLAYS, "Slices")


def reconstructions(run: Path) -> list[str]:
    """Return what a network with a reconstruction path rebuilt of the scans."""
    return _gallery(run / RECONSTRUCTIONS, "Reconstructions")


def _gallery(folder: Path, title: str) -> list[str]:
    """Return the pictures that ``index.json`` of a folder lists; names in it cannot lead out of the folder."""
    pictures = []
    for entry in read_json(folder / "index.json") or []:
        path = folder / Path(str(entry.get("file"))).name
        if path.is_file():
            score = "" if entry.get("dice") is None else f", Dice {number(entry['dice'])}"
            score += "" if entry.get("error") is None else f", mean squared error {entry['error']:.4f}"
            kind = "" if entry.get("kind") == "case" else f"{entry.get('kind', '')}: "
            caption = f"{kind}{entry.get('patient')}{score}"
            pictures.append(page.picture(path.read_bytes(), f"slice of {caption}", caption=caption))
    return [page.heading(title), page.gallery(pictures)] if pictures else []
