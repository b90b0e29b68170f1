"""The scans an inference run works on, listed without complaint while a configuration is only looked at."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .scan_finder import find_scans

logger = logging.getLogger(__name__)


def scans(dataset_dir: str | Path | None) -> list[dict[str, Any]]:
    """Return the scans of a folder, see ``find_scans``; none when no folder was given.

    Checks of a bundle build its dataset without data, so the refusal waits for ``require_scans``.
    """
    return [] if dataset_dir is None else find_scans(dataset_dir)


def require_scans(data: Sequence[dict[str, Any]], dataset_dir: str | Path | None) -> None:
    """Refuse to run on nothing, and list what there is.

    The first item of ``run``: MONAI's evaluator leaves an empty loader with a warning and exit status 0.

    Raises:
        ValueError: saying what to give.
    """
    if len(data) == 0:
        find_scans(dataset_dir)
    logger.info("%d scan(s) in %s: %s", len(data), dataset_dir, ", ".join(str(item.get("patient")) for item in data))
