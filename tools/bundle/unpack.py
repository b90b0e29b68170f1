"""Unpack the zip of a bundle without trusting it."""

import re
import stat
import zipfile
from pathlib import Path, PurePosixPath

NAME = re.compile(r"(?P<name>[a-z][a-z0-9]*(_[a-z0-9]+)*)_v\d+\.\d+\.\d+\.zip")
LARGEST = 20_000_000_000  # bytes unpacked; the largest networks have a few


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack ``NAME_vX.Y.Z.zip`` into ``folder`` and return ``folder/NAME``.

    Raises:
        FileNotFoundError: no such file.
        ValueError: with everything that is wrong with its name or its members; nothing is unpacked then.
    """
    if not archive.is_file():
        raise FileNotFoundError(f"there is no {archive}; python -m tools pack NAME makes one")
    match = NAME.fullmatch(archive.name)
    if match is None:
        raise ValueError(f"{archive.name} must be called NAME_vX.Y.Z.zip, as python -m tools pack names it")
    try:
        with zipfile.ZipFile(archive) as content:
            problems = member_problems(content.infolist(), match["name"])
            if problems:
                raise ValueError(f"{archive.name} was not unpacked: {'; '.join(problems)}")
            content.extractall(folder)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{archive.name} is damaged ({error}); download or pack it again") from error
    return folder / match["name"]


def member_problems(members: list[zipfile.ZipInfo], top: str) -> list[str]:
    """Return which members are links, leave the folder ``top``, come twice or are too large together."""
    problems = []
    for member in members:
        parts = PurePosixPath(member.filename).parts
        if "\\" in member.filename or ".." in parts or member.filename.startswith("/") or parts[:1] != (top,):
            problems.append(f"member {member.filename!r} lies outside {top}/")
        elif stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            problems.append(f"member {member.filename!r} is a link or a device; only files may be packed")
    names = [member.filename.lower() for member in members]
    problems += [f"member {name!r} comes twice" for name in sorted({name for name in names if names.count(name) > 1})]
    size = sum(member.file_size for member in members)
    if size > LARGEST:
        problems.append(f"it holds {size / 1e9:.0f} GB, more than {LARGEST / 1e9:.0f}")
    return problems or ([] if members else ["it is empty"])
