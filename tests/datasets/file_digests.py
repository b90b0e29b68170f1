"""What the bytes of all files of a folder are, to compare two folders."""

import hashlib
from pathlib import Path


def digests(folder: Path) -> dict[str, str]:
    """Return SHA-256 by path below the folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
