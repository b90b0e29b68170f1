"""The bundles of this repository and the facts their metadata state."""

from pathlib import Path
from typing import Any

from .metadata_file import METADATA, read_metadata

REPOSITORY = Path(__file__).resolve().parents[2]
BUNDLES = REPOSITORY / "bundles"


def bundle_names() -> list[str]:
    """Return the names of all bundles, sorted."""
    return sorted(path.parents[1].name for path in BUNDLES.glob(f"*/{METADATA}"))


def bundle_folder(name: str) -> Path:
    """Return the folder of a bundle.

    Raises:
        ValueError: for an unknown name, listing those there are.
    """
    if name not in bundle_names():
        raise ValueError(f"unknown bundle '{name}'; those there are: {', '.join(bundle_names())}")
    return BUNDLES / name


def metadata(name: str) -> dict[str, Any]:
    """Return the facts of a bundle."""
    return read_metadata(bundle_folder(name))


def listing() -> str:
    """Return one line a bundle: name, version, task, and whether weights are there."""
    rows = [("bundle", "version", "weights", "task")]
    for name in bundle_names():
        facts = metadata(name)
        weights = "in models/" if (BUNDLES / name / "models" / "model.pt").is_file() else "none yet"
        rows.append((name, facts["version"], weights, facts["task"]))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join("  ".join([*(row[c].ljust(widths[c]) for c in range(3)), row[3]]) for row in rows)
