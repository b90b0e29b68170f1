"""Cases written one after the other, so that an interrupted conversion goes on where it stopped.

Every file gets its name only when it is complete; the record (``cases/CASE.json``) comes last, and a case counts as
finished when its record fits the source files, the settings and both outputs.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .conversion_report import Checked
from .file_digest import file_digest, source_digest
from .whole_files import clear_partial, inside, write_text

FOLDERS = ("images", "labels", "cases")


def convert_cases(
    output: Path,
    cases: Sequence[Checked],
    settings: dict[str, Any],
    files_of: Callable[[Any], Sequence[Path]],
    write: Callable[[Any, str], dict[str, Any]],
    quiet: bool,
) -> list[dict[str, Any]]:
    """Convert the cases that are not finished yet.

    Args:
        settings: what besides the source decides the output (version, options); kept in each record.
        files_of: case -> its source files.
        write: (case, digest of its source files) -> datalist item; writes image and label below ``output``.

    Returns:
        The datalist items of all cases.
    """
    output.mkdir(parents=True, exist_ok=True)
    clear_partial(output, FOLDERS)
    items = []
    bar = tqdm(cases, desc="converting", unit="case", disable=quiet)
    for case in bar:
        bar.set_postfix_str(case.name)
        digest = source_digest(files_of(case))
        item = finished_item(output, case, settings, digest)
        if item is None:
            item = write(case, digest)
            record = {"settings": settings, "item": item, "warnings": case.findings.warnings}
            write_text(inside(output, "cases", f"{case.name}.json"), json.dumps(record, indent=1))
        items.append(item)
    return items


def finished_item(output: Path, case: Checked, settings: dict[str, Any], source: str) -> dict[str, Any] | None:
    """The datalist item of a case that is converted already, or None when anything differs or is damaged."""
    try:
        record = json.loads(inside(output, "cases", f"{case.name}.json").read_text(encoding="utf-8"))
        item = record["item"]
        if record["settings"] != settings or item["sha256"]["source"] != source:
            return None
        for key in ("image", "label"):
            if file_digest(inside(output, item[key])) != item["sha256"][key]:
                return None
        for text in record["warnings"]:
            case.findings.warning(text)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return item


def check_room(output: Path, needed: int, cases: int) -> None:
    """Check the free space before the first file; what an earlier run has written counts as free.

    Args:
        needed: bytes of all images.
        cases: how many there are.

    Raises:
        OSError: naming how much is needed and how much is there.
    """
    place = next(path for path in (output.absolute(), *output.absolute().parents) if path.exists())
    there = sum(path.stat().st_size for path in output.glob("images/*.nii"))
    free = shutil.disk_usage(place).free
    if needed - there > free:
        raise OSError(
            f"{output} needs about {(needed - there) / 1e6:.0f} MB for {cases} case(s), {free / 1e6:.0f} MB are "
            "free; choose another --output or make room"
        )
