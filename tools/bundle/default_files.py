"""Files that every bundle has in the same form, and where their originals are.

A bundle that needs its own says so in its metadata, with the reason: ``"own_files": {"configs/logging.conf": "..."}``.
"""

from pathlib import Path
from typing import Any

from .collection import REPOSITORY

DEFAULTS = {
    "LICENSE": REPOSITORY / "LICENSE",
    "configs/logging.conf": Path(__file__).parent / "defaults" / "logging.conf",
}


def default_files(facts: dict[str, Any]) -> dict[str, str]:
    """Return the files that a bundle with these facts shares with the others, by their path inside it.

    Raises:
        ValueError: when the facts declare a file that has no default, or give no reason.
    """
    own = facts.get("own_files", {})
    unknown = sorted(set(own) - set(DEFAULTS))
    silent = sorted(name for name, reason in own.items() if not str(reason).strip())
    if unknown or silent:
        raise ValueError(
            f"own_files in the metadata: {unknown} have no default, {silent} have no reason; "
            f"files with a default are {sorted(DEFAULTS)}"
        )
    return {name: file.read_text(encoding="utf-8") for name, file in DEFAULTS.items() if name not in own}
