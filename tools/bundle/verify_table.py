"""The outcomes of verification as a table, and as JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .verify import Outcome

WORDS = {True: "ok", False: "FAILED", None: "n/a"}


def table(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """Return a row a bundle and a column a check; below, what is wrong and why checks were left out."""
    checks = list(dict.fromkeys(outcome.check for row in outcomes.values() for outcome in row))
    rows = [["bundle", *checks]]
    for name, row in outcomes.items():
        words = {outcome.check: WORDS[outcome.passed] for outcome in row}
        rows.append([name, *(words.get(check, "") for check in checks)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    notes = [
        f"{name}, {outcome.check} {WORDS[outcome.passed]}: {line}"
        for name, row in outcomes.items()
        for outcome in row
        for line in outcome.message.splitlines()
    ]
    return "\n".join([*lines, "", *notes] if notes else lines)


def as_json(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """Return the same for programs: bundle -> check -> passed (true, false or null), message, seconds."""
    content: dict[str, Any] = {
        name: {
            outcome.check: {"passed": outcome.passed, "message": outcome.message, "seconds": outcome.seconds}
            for outcome in row
        }
        for name, row in outcomes.items()
    }
    return json.dumps(content, indent=2)
