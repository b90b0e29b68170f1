"""Which files a bundle has, and which of them do not belong into a packed copy."""

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from .secret_scan import secret_lines, secret_name

REQUIRED = (
    "LICENSE", "docs/README.md", "docs/data_license.txt", "configs/metadata.json", "configs/train.json",
    "configs/evaluate.json", "configs/inference.json", "configs/multi_gpu_train.json", "configs/demo.json",
    "configs/logging.conf",
)  # fmt: skip
ALLOWED = ("LICENSE", "large_files.yml", "configs/*.json", "configs/logging.conf", "docs/*.md", "docs/*.txt")
PICTURES = ("docs/*.png", "docs/*.jpg", "docs/*.svg")
# what runs leave behind, ignored by git; the weights are looked at when they are packed
LEFT_BY_RUNS = {"models", "eval"}
LARGEST = 5_000_000
BUNDLE_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


def check_files(bundle: Path) -> list[str]:
    """Return what is wrong with the files of a bundle and their names; an empty list when nothing is.

    Refused are symbolic links, secrets, files of unexpected kinds, names that not every system can store, missing
    files. No content is shown.
    """
    if bundle.is_symlink():
        return [f"{bundle}: a symbolic link; put the folder itself there"]
    if not bundle.is_dir():
        return [f"{bundle} is no folder of a bundle"]
    problems = []
    if not BUNDLE_NAME.fullmatch(bundle.name):
        problems.append(f"'{bundle.name}': a bundle's name is lower-case words joined by _, such as lung_ct_unet")
    found = list(_walk(bundle))
    names = [path.relative_to(bundle).as_posix() for path in found]
    for path, name in zip(found, names, strict=True):
        problems += _file_problems(path, name)
    folded = [name.lower() for name in names]
    twice = sorted(name for name in names if folded.count(name.lower()) > 1)
    if twice:
        problems.append(f"names that differ only in case: {', '.join(twice)}")
    problems += [f"{name}: missing" for name in REQUIRED if name not in names]
    return problems


def bundle_files(bundle: Path) -> dict[str, bytes]:
    """Return the files of a bundle that are packed, text with Unix line ends, sorted by name; weights apart."""
    found = {path.relative_to(bundle).as_posix(): path for path in _walk(bundle) if not path.is_symlink()}
    kept = {name: path.read_bytes() for name, path in found.items() if _belongs(name)}
    return {name: data if _is_picture(name) else data.replace(b"\r\n", b"\n") for name, data in sorted(kept.items())}


def _walk(folder: Path, top: bool = True) -> Iterator[Path]:
    """Yield files and symbolic links below a folder, not following links, without what runs leave at its top."""
    for path in sorted(folder.iterdir()):
        if path.name == "__pycache__" or (top and path.name in LEFT_BY_RUNS):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path, top=False)
        else:
            yield path


def _file_problems(path: Path, name: str) -> list[str]:
    if path.is_symlink():
        return [f"{name}: a symbolic link; put the file itself there"]
    if secret_name(path.name):
        return [f"{name}: has a name that secrets have; take it out of the bundle"]
    if not path.is_file():
        return [f"{name}: neither a file nor a folder"]
    if not all(FILE_NAME.fullmatch(part) for part in Path(name).parts):
        return [f"{name}: names are letters, digits, '_', '-' and '.', and do not begin with '.'"]
    if not _belongs(name):
        return [f"{name}: does not belong into a bundle; allowed are {', '.join(ALLOWED + PICTURES)}"]
    if path.stat().st_size > LARGEST:
        return [f"{name}: {path.stat().st_size / 1e6:.0f} MB; files other than weights have at most 5 MB"]
    if _is_picture(name):
        return []
    try:
        return secret_lines(name, path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        return [f"{name}: text must be UTF-8"]


def _belongs(name: str) -> bool:
    # fnmatch's * crosses folders: docs/figures/one.png belongs, configs/old/train.json does not
    flat = name.count("/") <= 1 or name.startswith("docs/")
    return flat and any(fnmatch(name, pattern) for pattern in ALLOWED + PICTURES)


def _is_picture(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in PICTURES if not pattern.endswith("svg"))
