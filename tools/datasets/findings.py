"""What the checks of a converter found: problems stop a case, warnings are told and the case goes on."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Findings:
    """Two lists of sentences. Each gives the rule, the value found and the next move."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def problem(self, text: str) -> None:
        """Add a reason why the case cannot be converted (once)."""
        if text not in self.problems:
            self.problems.append(text)

    def warning(self, text: str) -> None:
        """Add something the user should look at (once)."""
        if text not in self.warnings:
            self.warnings.append(text)

    def take(self, other: "Findings", prefix: str = "") -> None:
        """Add everything ``other`` holds, each sentence with ``prefix`` in front."""
        for text in other.problems:
            self.problem(prefix + text)
        for text in other.warnings:
            self.warning(prefix + text)


def some(values: Iterable[object], limit: int = 4) -> str:
    """Write up to ``limit`` values and how many more there are.

    >>> some([1, 2, 3], limit=2)
    '1, 2 and 1 more'
    """
    values = [str(value) for value in values]
    more = len(values) - limit
    return ", ".join(values[:limit]) + (f" and {more} more" if more > 0 else "")
