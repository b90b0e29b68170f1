"""The folder that a converter writes to, and the list and the report in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .conversion_report import Conversion, final_text
from .datalist import write_datalist
from .whole_files import write_text

REPORT = "report.txt"


def check_output(output: Path) -> None:
    """Refuse an output that is there and no folder.

    Raises:
        NotADirectoryError: it is a file.
    """
    if output.exists() and not output.is_dir():
        raise NotADirectoryError(f"--output must be a folder, this is a file: {output}")


def write_report(output: Path, text: str, quiet: bool) -> None:
    """Keep the closing text of a conversion as report.txt, and print it unless ``quiet``."""
    write_text(output / REPORT, text + "\n")
    if not quiet:
        print(text)


def write_conversion(
    output: Path,
    result: Conversion,
    *,
    name: str,
    converter_version: str,
    seed: int,
    val_fraction: float,
    test_fraction: float,
    quiet: bool,
    root: str = ".",
    facts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write datalist.json and report.txt for a conversion; what has no label is listed as unlabelled.

    Args:
        facts: about where the data came from, beside the number of cases and the names of those left out.

    Returns:
        What datalist.json holds.
    """
    output.mkdir(parents=True, exist_ok=True)
    left_out = [case.name for case in result.cases if case.findings.problems]
    data = write_datalist(
        output, [item for item in result.items if "label" in item], name=name, converter_version=converter_version,
        seed=seed, val_fraction=val_fraction, test_fraction=test_fraction, root=root,
        source={"cases": len(result.items), "left_out": left_out, **(facts or {})},
        unlabelled=[item for item in result.items if "label" not in item],
    )  # fmt: skip
    write_report(output, final_text(result.found, result.general, result.cases, data), quiet)
    return data
