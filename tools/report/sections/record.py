"""What went wrong, and what one needs to do the run again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .. import page
from ..run_files import INCIDENTS
from ..wording import cell

MOST_INCIDENTS = 50


def incidents(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what the stability guard met, the latest first."""
    if not found:
        return []
    latest = list(reversed(found))[:MOST_INCIDENTS]
    names = list(dict.fromkeys(key for incident in latest for key in incident))
    rows = [[cell(incident.get(name)) for name in names] for incident in latest]
    count = "1 training step was" if len(found) == 1 else f"{len(found)} training steps were"
    text = f"{count} not taken because something was not finite."
    text += f" The latest {MOST_INCIDENTS} are shown; all are in {INCIDENTS}." if len(found) > MOST_INCIDENTS else ""
    return [page.heading("Incidents"), page.paragraph(text), page.table(names, rows, range(len(names)))]


def origin(summary: Mapping[str, Any], config: Any) -> list[str]:
    """Return what one needs to do it again: versions, seed, fingerprint of the data, configuration."""
    known = [(name, summary.get(name)) for name in ("seed", "amp", "device", "data_fingerprint")]
    rows = [(name.replace("_", " "), value) for name, value in known if value is not None]
    rows += sorted((summary.get("versions") or {}).items())
    parts = [page.heading("Origin"), page.table(("what", "value"), rows, (0, 1))] if rows else []
    if config:
        parts.append(page.fold("Configuration", json.dumps(config, indent=2, ensure_ascii=False)))
    return parts
