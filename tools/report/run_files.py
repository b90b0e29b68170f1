"""The files of a run directory: their names, atomic writing, and reading that says what is wrong."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HISTORY = "history.jsonl"
INCIDENTS = "incidents.jsonl"
SUMMARY = "summary.json"
CONFIG = "config.json"
PATIENTS_CSV = "patients.csv"
PATIENTS_JSON = "patients.json"
SWEEP_JSON = "sweep.json"
OVERLAYS = "overlays"
RECONSTRUCTIONS = "reconstructions"
REPORT = "report.html"


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a file under a temporary name and move it into place, so that nobody ever reads half of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text atomically."""
    return write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, content: Any) -> Path:
    """Write JSON atomically; NaN and infinity, which JSON lacks, become null, and what it cannot hold becomes text."""
    return write_text(path, json.dumps(plain(content), indent=2, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """Return ``value`` with nothing in it but dicts, lists, text, numbers, booleans and null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if hasattr(value, "item") and getattr(value, "size", None) is not None and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (bool, int)) else str(value)


def read_json(path: Path) -> Any:
    """Return the content of a JSON file, None when there is no such file.

    Raises:
        ValueError: when the file is not JSON; names the file.

    """
    path = Path(path)
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not valid JSON ({error}); delete it or run again.") from error


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a JSON Lines file, nothing when there is no such file.

    A line cut short, as a killed run leaves it, is passed over.
    """
    path = Path(path)
    if not path.is_file():
        return []
    records = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            records.append(record)
    return records


def json_lines(records: Sequence[Mapping[str, Any]]) -> str:
    """Return records as JSON Lines."""
    return "".join(json.dumps(plain(record), allow_nan=False) + "\n" for record in records)
