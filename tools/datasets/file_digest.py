"""Checksums of files."""

import hashlib
from collections.abc import Sequence
from pathlib import Path


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def source_digest(files: Sequence[Path]) -> str:
    """One SHA-256 for a set of files, whatever their names and order."""
    return hashlib.sha256("".join(sorted(file_digest(path) for path in files)).encode()).hexdigest()
