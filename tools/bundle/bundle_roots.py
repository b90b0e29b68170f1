"""What a packed bundle can do beside running its configurations: convert its data set, build the report of a run."""

import json
import re
from pathlib import Path
from typing import Any

from ..datasets.registry import dataset_entry
from .pack_error import PackError

METADATA = "configs/metadata.json"
COMMANDS = ("prepare", "report")
VERSION = re.compile(r"\d+\.\d+\.\d+")


def read_facts(bundle: Path) -> dict[str, Any]:
    """Return the metadata of a bundle.

    Raises:
        PackError: it cannot be read, or its version is not three numbers.
    """
    try:
        facts = json.loads((bundle / METADATA).read_text(encoding="utf-8"))
        version = facts["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PackError([f"{METADATA}: must be JSON with a version ({type(error).__name__}: {error})"]) from error
    if not VERSION.fullmatch(str(version)):
        raise PackError([f"{METADATA}: version must be three numbers such as 1.0.2, got '{version}'"])
    return facts


def command_roots(facts: dict[str, Any]) -> set[str]:
    """Return the modules behind the commands of a packed copy, among them converter and phantom of its data set.

    Raises:
        PackError: metadata names a data set that the registry does not have.
    """
    roots = {"__main__", "commands", *(f"commands.{name}" for name in COMMANDS)}
    if not facts:
        return roots
    try:
        entry = dataset_entry(str(facts.get("dataset")))
    except ValueError as error:
        raise PackError([f"{METADATA}, dataset: {error}"]) from error
    return roots | {f"datasets.{entry.module}", f"datasets.{entry.phantom_module}"}
