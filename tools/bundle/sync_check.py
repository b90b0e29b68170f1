"""Whether the bundles of a collection are in step: derived files fresh, versions following their content."""

from collections.abc import Iterable
from pathlib import Path

from .sync import stale, stale_collection
from .versions import version_problems


def check_sync(root: Path, bundles: Iterable[Path]) -> str:
    """Return a line to print when all is in step.

    Raises:
        ValueError: with a line for each stale file and each version that is due.
    """
    lines = stale_collection(root)
    for bundle in bundles:
        lines += [*stale(bundle), *versions_due([bundle])]
    lines = list(dict.fromkeys(lines))
    if lines:
        raise ValueError(f"{len(lines)} out of step\n" + "\n".join(lines))
    return "all derived files are fresh and all versions follow their content"


def versions_due(bundles: Iterable[Path]) -> list[str]:
    """Return a line for each bundle whose content asks for a new version, or whose version cannot be judged."""
    lines = []
    for bundle in bundles:
        try:
            lines += version_problems(bundle)
        except (OSError, ValueError) as error:
            lines.append(f"{bundle.name}: {error}")
    return lines
