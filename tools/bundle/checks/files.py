"""The files of a bundle: what must be there, nothing that must not, and the sums of all of them."""

import hashlib
import zipfile

from ..bundle_files import REQUIRED, check_files
from ..pack import SUMS
from .subject import Subject


def check(subject: Subject) -> list[str]:
    """Return what is wrong with the files of the source and of the zip."""
    problems = [] if subject.source is None else check_files(subject.source)
    packed = f"{subject.name}_v{subject.facts.get('version')}.zip"
    if subject.archive.name != packed:
        problems.append(f"the zip is called {subject.archive.name}, its metadata ask for {packed}; pack it again")
    top = f"{subject.name}/"
    with zipfile.ZipFile(subject.archive) as archive:
        names = {name.removeprefix(top): name for name in archive.namelist() if not name.endswith("/")}
        missing = [name for name in REQUIRED if name not in names]
        problems += [f"the zip has no {name}; add it to the bundle and pack again" for name in missing]
        if SUMS not in names:
            return [*problems, f"the zip has no {SUMS}; pack it again"]
        stated = read_sums(archive.read(names.pop(SUMS)).decode())
        for name in sorted(names.keys() - stated.keys()):
            problems.append(f"{SUMS} does not list {name}; somebody added it after packing, pack again")
        for name in sorted(stated.keys() - names.keys()):
            problems.append(f"{SUMS} lists {name}, which the zip does not hold; pack again")
        for name in sorted(stated.keys() & names.keys()):
            if sha256(archive, names[name]) != stated[name]:
                problems.append(f"{name} is not the file that was packed, its sha256 differs from {SUMS}; pack again")
    return problems


def read_sums(text: str) -> dict[str, str]:
    """Return name -> sha256 of lines as ``sha256sum`` writes them."""
    pairs = (line.split(maxsplit=1) for line in text.splitlines() if line.strip())
    return {name.strip().lstrip("*"): digits for digits, name in pairs}


def sha256(archive: zipfile.ZipFile, name: str) -> str:
    """Return the hash of a member."""
    with archive.open(name) as member:
        return hashlib.file_digest(member, "sha256").hexdigest()
