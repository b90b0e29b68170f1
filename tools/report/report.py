"""One self-contained page about a run: what was done, how good it is, and where it fails."""

from __future__ import annotations

from pathlib import Path

from . import page
from .run_files import (
    CONFIG,
    HISTORY,
    INCIDENTS,
    PATIENTS_JSON,
    REPORT,
    SUMMARY,
    SWEEP_JSON,
    read_json,
    read_json_lines,
    write_text,
)
from .sections.answers import answers
from .sections.classes import classes
from .sections.head import head
from .sections.patients import patients
from .sections.pictures import curves, reconstructions, slices
from .sections.record import incidents, origin
from .sections.sweep import sweep


def build_report(output_dir: str | Path) -> Path:
    """Write ``report.html`` (and its pictures) of the run in ``output_dir`` from what it left there; return its path.

    The page holds all it shows: no script, nothing fetched from a network. What the run did not leave is left out. A
    section is one function that returns pieces of :mod:`tools.report.page`, or nothing.

    Raises:
        FileNotFoundError: when ``output_dir`` is not a folder or holds nothing of a run.
        ValueError: when a file in it cannot be read; names the file.

    """
    folder = Path(output_dir)
    sources = (SUMMARY, HISTORY, PATIENTS_JSON)
    if not any((folder / name).is_file() for name in sources):
        state = "holds none of them" if folder.is_dir() else "is not a folder"
        raise FileNotFoundError(
            f"A report is made from {', '.join(sources)} of a run, but {folder} {state}: give the output_dir of a run."
        )
    summary = read_json(folder / SUMMARY) or {}
    title = f"{summary.get('bundle') or folder.resolve().name}: {summary.get('workflow') or 'run'}"
    body = [
        *head(title, summary),
        *curves(folder, read_json_lines(folder / HISTORY)),
        *patients(read_json(folder / PATIENTS_JSON) or {}, summary.get("workflow")),
        *answers(folder, summary.get("workflow")),
        *classes(folder, summary.get("split")),
        *sweep(folder, read_json(folder / SWEEP_JSON) or {}),
        *slices(folder),
        *reconstructions(folder),
        *incidents(read_json_lines(folder / INCIDENTS)),
        *origin(summary, read_json(folder / CONFIG)),
    ]
    return write_text(folder / REPORT, page.page(title, body))
