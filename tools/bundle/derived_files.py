"""Files of a folder as they should be: which of them are stale, and writing those."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..report.run_files import write_text


@dataclass
class DerivedFiles:
    """Files whose content follows from something else.

    Args:
        folder: where they are.
        command: what a user runs to bring them up to date.
        texts: content by path inside the folder.
        problems: what stands in the way of deriving the content.
    """

    folder: Path
    command: str
    texts: dict[Path, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def differing(self) -> Iterator[Path]:
        """Yield the files that are not there or have another content."""
        for name, text in self.texts.items():
            if not (self.folder / name).is_file() or (self.folder / name).read_bytes() != text.encode("utf-8"):
                yield name

    def stale(self) -> list[str]:
        """Return a line for each problem and for each stale file."""
        lines = [f"{name} is stale; run `{self.command}`" for name in self.differing()]
        return [f"{self.folder.name}: {line}" for line in [*self.problems, *lines]]

    def write(self) -> list[Path]:
        """Write the stale files and return them.

        Raises:
            ValueError: when there are problems; nothing is written then.
        """
        if self.problems:
            raise ValueError(f"{self.folder.name}: nothing written; {'; '.join(self.problems)}")
        return [write_text(self.folder / name, self.texts[name]) for name in list(self.differing())]
