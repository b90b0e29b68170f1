"""What a conversion found and made, as text: the same words on the screen, in the error and in the report file."""

from collections.abc import Mapping, Sequence
from typing import Any

from .case_plan import Case
from .datalist import SPLITS
from .dicom_files import DicomTree


def count_problems(tree: DicomTree, cases: Sequence[Case]) -> int:
    """Number of problems of the whole source."""
    return len(tree.problems) + sum(len(case.findings.problems) for case in cases)


def problems_text(tree: DicomTree, cases: Sequence[Case]) -> str:
    """Every problem of every case and file, and the warnings of the cases that have problems."""
    lines = [f"  - {text}" for text in tree.problems]
    for case in cases:
        if case.findings.problems:
            lines.append(f"  {case.name}")
            lines += [f"    - {text}" for text in case.findings.problems]
            lines += [f"    (also: {text})" for text in case.findings.warnings]
    return "\n".join(lines)


def warnings_text(cases: Sequence[Case]) -> str:
    """The warnings of the cases without problems."""
    lines = []
    for case in cases:
        if case.findings.warnings and not case.findings.problems:
            lines.append(f"  {case.name}")
            lines += [f"    - {text}" for text in case.findings.warnings]
    return "\n".join(lines)


def source_text(tree: DicomTree, cases: Sequence[Case]) -> str:
    """What the source folder holds."""
    other = "".join(f", {count} {modality}" for modality, count in sorted(tree.other.items()))
    return (
        f"{len(cases)} case(s); {len(tree.series)} image series, {len(tree.annotations)} RTSTRUCT or SEG file(s)"
        f"{other}; {tree.skipped} file(s) are no DICOM and were skipped"
    )


def result_text(data: Mapping[str, Any]) -> str:
    """The numbers one should see: a line for each case, then the totals."""
    lines = [f"{'case':<24} {'part':<10} {'size':<13} {'spacing mm':<18} {'target ml':>9} {'slices':>6}"]
    total, empty = 0, 0
    for part in SPLITS:
        for item in data[part]:
            name = item["image"].removeprefix("images/").removesuffix(".nii")
            size = "x".join(str(value) for value in item["shape"])
            spacing = " x ".join(f"{value:.3g}" for value in item["spacing_mm"])
            mark = " suspect" if item["suspect"] else ""
            lines.append(
                f"{name:<24} {part:<10} {size:<13} {spacing:<18} {item['target_ml']:>9.2f} "
                f"{item['target_slices']:>6}{mark}"
            )
            total += 1
            empty += item["target_ml"] == 0
    parts = ", ".join(f"{part} {len({item['patient'] for item in data[part]})}" for part in SPLITS)
    lines.append(f"{total} case(s), {empty} without target; patients: {parts} (seed {data['seed']})")
    lines.append(f"data fingerprint {data['fingerprint'][:16]}, converter {data['version']}")
    return "\n".join(lines)
