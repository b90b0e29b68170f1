"""Which data a run has seen, as one number."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

PIECE_BYTES = 1 << 20


def fingerprint(data: Sequence[Mapping[str, Any]], keys: Sequence[str] = ("image", "label")) -> str:
    """sha256, in hex, over the files of ``data`` in their order: relative name, size and content of each.

    Names are relative to the folder that all files share, so a data set that was moved keeps its fingerprint. Of a file
    above 3 MiB the first, middle and last MiB are read, since hashing hundreds of CTs at each start would take minutes.

    Args:
        data: items whose ``keys`` hold a file, a list of files, or a folder (all files in it).
        keys: which entries are files; an entry that is a number (a class) counts with its value.

    Raises:
        FileNotFoundError: naming all files that are missing.
    """
    files = [(key, path) for item in data for key in keys for path in _files(item.get(key))]
    missing = [str(path) for _, path in files if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"{len(missing)} files of the datalist are missing: {', '.join(missing[:20])}")
    if not files:
        return hashlib.sha256().hexdigest()
    root = Path(os.path.commonpath([path.parent for _, path in files]))
    digest = hashlib.sha256()
    numbers = [(key, item[key]) for item in data for key in keys if isinstance(item.get(key), int | float)]
    if numbers:
        digest.update(repr(numbers).encode())
    for key, path in files:
        digest.update(f"{key}\0{path.relative_to(root).as_posix()}\0{path.stat().st_size}\0".encode())
        for piece in _pieces(path):
            digest.update(piece)
    return digest.hexdigest()


def _files(value: Any) -> list[Path]:
    if value is None or isinstance(value, int | float):
        return []
    values = [value] if isinstance(value, str | os.PathLike) else value
    found: list[Path] = []
    for item in values:
        path = Path(item).absolute()
        found += sorted(child for child in path.rglob("*") if child.is_file()) if path.is_dir() else [path]
    return found


def _pieces(path: Path) -> Iterable[bytes]:
    size = path.stat().st_size
    with open(path, "rb") as file:
        if size <= 3 * PIECE_BYTES:
            yield file.read()
            return
        for place in (0, (size - PIECE_BYTES) // 2, size - PIECE_BYTES):
            file.seek(place)
            yield file.read(PIECE_BYTES)
