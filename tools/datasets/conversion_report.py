"""What a conversion found and made, as text: the same words on the screen, in the error and in the report file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from .datalist import SPLITS, UNLABELLED
from .findings import Findings


class ConversionError(ValueError):
    """The source has problems. The message lists all of them; nothing was written."""


class Checked(Protocol):
    """A case that was looked at: what it is called and what was found."""

    name: str
    findings: Findings


@dataclass(frozen=True)
class Conversion:
    """What was made of a source: datalist items, all its cases, problems of no case, and what it holds as a line."""

    items: list[dict[str, Any]]
    cases: Sequence[Checked]
    general: list[str]
    found: str


def stop_on_problems(
    source: Path, found: str, general: Sequence[str], cases: Sequence[Checked], skip_bad: bool
) -> None:
    """Refuse a source with problems, or one of which nothing is left.

    Args:
        found: what the source holds, as a line.
        general: problems that belong to no case.
        skip_bad: go on as long as a case without problems is left.

    Raises:
        ConversionError: with every problem and the next move.
    """
    count = count_problems(general, cases)
    good = any(not case.findings.problems for case in cases)
    if count and (not skip_bad or not good):
        left = "" if good else " and no good case is left"
        move = "Repair or remove them, or pass --skip-bad to convert the rest." if good else ""
        raise ConversionError(
            f"{count} problem(s) in {source}{left}; nothing was written.\n{found}\n"
            f"{problems_text(general, cases)}\n{move}".rstrip()
        )


def count_problems(general: Sequence[str], cases: Sequence[Checked]) -> int:
    """Number of problems of the whole source."""
    return len(general) + sum(len(case.findings.problems) for case in cases)


def problems_text(general: Sequence[str], cases: Sequence[Checked]) -> str:
    """Every problem of every case and of the source, and the warnings of the cases that have problems."""
    lines = [f"  - {text}" for text in general]
    for case in cases:
        if case.findings.problems:
            lines.append(f"  {case.name}")
            lines += [f"    - {text}" for text in case.findings.problems]
            lines += [f"    (also: {text})" for text in case.findings.warnings]
    return "\n".join(lines)


def warnings_text(cases: Sequence[Checked]) -> str:
    """The warnings of the cases without problems."""
    lines = []
    for case in cases:
        if case.findings.warnings and not case.findings.problems:
            lines.append(f"  {case.name}")
            lines += [f"    - {text}" for text in case.findings.warnings]
    return "\n".join(lines)


def findings_text(name: str, found: str, general: Sequence[str], cases: Sequence[Checked]) -> str:
    """What the source of a data set holds, what to look at, and what was left out."""
    parts = [f"{name}: {found}"]
    warnings, problems = warnings_text(cases), problems_text(general, cases)
    if warnings:
        parts.append(f"Look at these:\n{warnings}")
    if problems:
        parts.append(f"Left out ({count_problems(general, cases)} problem(s)):\n{problems}")
    return "\n".join(parts)


def final_text(found: str, general: Sequence[str], cases: Sequence[Checked], data: Mapping[str, Any]) -> str:
    """What a finished conversion says: what to look at, what was left out, the numbers one should see."""
    return f"{findings_text(data['name'], found, general, cases)}\n{result_text(data)}"


def result_text(data: Mapping[str, Any]) -> str:
    """The numbers one should see: a line for each case, then the totals."""
    lines = [f"{'case':<24} {'part':<10} {'size':<13} {'spacing mm':<18} {'target ml':>9} {'slices':>6}"]
    total, empty = 0, 0
    for part in (*SPLITS, UNLABELLED):
        for item in data.get(part, []):
            lines.append(_line(item, part))
            total += 1
            empty += "label" in item and item["target_slices"] == 0
    parts = ", ".join(f"{part} {len({item['patient'] for item in data[part]})}" for part in SPLITS)
    without = f", {len(data[UNLABELLED])} without label" if data.get(UNLABELLED) else ""
    lines.append(f"{total} case(s), {empty} without target{without}; patients: {parts} (seed {data['seed']})")
    lines.append(f"data fingerprint {data['fingerprint'][:16]}, converter {data['version']}")
    return "\n".join(lines)


def _line(item: Mapping[str, Any], part: str) -> str:
    name = PurePosixPath(item["image"]).name.removesuffix(".gz").removesuffix(".nii")
    size = "x".join(str(value) for value in item["shape"])
    spacing = " x ".join(f"{value:.3g}" for value in item["spacing_mm"]) if item["spacing_mm"] else "unknown"
    target = "-" if item.get("target_ml") is None else f"{item['target_ml']:.2f}"
    mark = " suspect" if item.get("suspect") else ""
    return f"{name:<24} {part:<10} {size:<13} {spacing:<18} {target:>9} {item.get('target_slices', '-'):>6}{mark}"
