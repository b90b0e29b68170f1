"""What a check works on: a packed bundle, unpacked away from the repository, and the means to run it there."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..clean_process import CleanProcesses, Finished
from ..phantom_data import PhantomData


class CheckFailed(Exception):
    """A check could not be carried out to its end; the message is the problem it found."""


class NotApplicable(Exception):
    """There is nothing for a check to look at; the message says why."""


@dataclass(frozen=True)
class Subject:
    """One bundle under verification.

    Args:
        name: of the bundle.
        root: the unpacked copy, a folder with the bundle's name; with weights, made-up ones if it came without.
        archive: the zip it came from.
        source: the bundle's folder in the collection, or None when only the zip is verified.
        scratch: folder for what the checks write.
        clean: runs code away from the repository.
        data: phantoms to run on.
    """

    name: str
    root: Path
    archive: Path
    source: Path | None
    scratch: Path
    clean: CleanProcesses
    data: PhantomData
    elsewhere: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "elsewhere", self.folder("elsewhere"))

    @property
    def facts(self) -> dict[str, Any]:
        """The content of metadata.json."""
        return self.config("metadata")

    @property
    def weights(self) -> Path:
        """The weights file of the unpacked copy."""
        return self.root / "models" / "model.pt"

    def config(self, name: str) -> dict[str, Any]:
        """Return the content of ``configs/NAME.json``; empty when the bundle has none."""
        file = self.config_file(name)
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}

    def config_file(self, name: str) -> Path:
        """Return the path of ``configs/NAME.json``."""
        return self.root / "configs" / f"{name}.json"

    def folder(self, name: str) -> Path:
        """Return a folder for what a check writes."""
        path = self.scratch / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def probe(self, name: str, cwd: Path | None = None, **argument: Any) -> Any:
        """Return what a probe found out, run from a folder that is neither the repository nor the bundle.

        Raises:
            CheckFailed: with the last line of the probe's complaint.
        """
        plain = {key: str(value) if isinstance(value, Path) else value for key, value in argument.items()}
        return passed(self.clean.probe(name, plain, cwd or self.elsewhere)).answer

    def exemption(self, check: str) -> None:
        """Leave a check out for the reason that metadata.json gives.

        Raises:
            NotApplicable: when ``verification`` of the metadata has an entry for the check.
        """
        reason = self.facts.get("verification", {}).get(check)
        if reason:
            raise NotApplicable(f"exempt: {reason}")


def passed(finished: Finished) -> Finished:
    """Return a process that ended well.

    Raises:
        CheckFailed: with its last line otherwise.
    """
    if finished.code:
        raise CheckFailed(finished.last_line)
    return finished
