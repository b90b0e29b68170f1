"""Numbers and values as a report prints them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def number(value: Any) -> str:
    """Return a number with three decimals, or with one from ten on; a dash for none."""
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        return "-"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def interval(values: Mapping[str, Any]) -> str:
    """Return low and high as text; a dash when none is claimed."""
    return f"{number(values['low'])} to {number(values['high'])}" if values.get("low") is not None else "-"


def spread(values: Mapping[str, Any]) -> list[str]:
    """Return mean, sd, median, interval and number as text."""
    return [
        *(number(values.get(name)) for name in ("mean", "sd", "median")),
        interval(values),
        str(values.get("n", 0)),
    ]


def cell(value: Any) -> str:
    """Return any value of JSON as short text."""
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else text[:197] + "..."


def duration(seconds: float) -> str:
    """Return seconds as people say them."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
