"""Two versions of a bundle in one process each run their own code."""

import shutil
from pathlib import Path

from ..vendoring import vendor_name
from .subject import Subject

MARKS = ("first", "second")


def check(subject: Subject) -> list[str]:
    """Return whose code runs when a copy with other vendored code is loaded into the same process."""
    vendored = vendored_folders(subject.root)
    if len(vendored) != 1:
        return [f"it must hold one folder aura_tools_HASH, got {[path.name for path in vendored]}; pack it again"]
    right = vendor_name(sources(vendored[0]))
    if vendored[0].name != right:
        return [f"{vendored[0].name} is not the name that its content makes, {right}; pack it again"]
    roots = [marked_copy(subject, mark) for mark in MARKS]
    foreign = subject.probe("two_versions", roots=[str(root) for root in roots], marks=MARKS)
    for root in roots:
        shutil.rmtree(root.parent)
    fix = "vendored modules must not share anything under a name of their own choice (sys.modules, builtins)"
    return [f"{problem}; {fix}" for problem in foreign]


def vendored_folders(root: Path) -> list[Path]:
    """Return the folders of vendored code in an unpacked bundle."""
    return sorted(path for path in root.glob("aura_tools_*") if path.is_dir())


def sources(vendored: Path) -> dict[str, bytes]:
    """Return the vendored files by their path inside the folder, without what Python wrote beside them."""
    files = (path for path in sorted(vendored.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(vendored).as_posix(): path.read_bytes() for path in files}


def marked_copy(subject: Subject, mark: str) -> Path:
    """Copy the bundle with ``MARK`` in every vendored module, under the name that this content makes."""
    root = subject.folder(f"versions/{mark}") / subject.name
    shutil.copytree(subject.root, root, ignore=shutil.ignore_patterns("eval", "__pycache__", "models"))
    (root / "models").mkdir()
    (root / "models" / "model.pt").symlink_to(subject.weights)
    vendored = vendored_folders(root)[0]
    for path in vendored.rglob("*.py"):
        path.write_bytes(path.read_bytes() + f"\nMARK = {mark!r}\n".encode())
    name = vendor_name(sources(vendored))
    for path in root.glob("configs/*.json"):
        path.write_text(path.read_text(encoding="utf-8").replace(vendored.name, name), encoding="utf-8")
    vendored.rename(root / name)
    return root
