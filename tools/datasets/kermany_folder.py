"""The raw folder of the Kermany X-rays: what lies where, and whether every image of it can be used.

    SOURCE/train/NORMAL, train/PNEUMONIA, test/NORMAL, test/PNEUMONIA, and perhaps val/ with the same

SOURCE may also be the folder that the unpacked one lies in.
"""

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from .findings import Findings, some
from .image_check import ImageFacts, is_image_name, look_at_image
from .kermany_names import CLASSES, XrayName, read_name

FOLDERS = ("train", "val", "test")
WORKERS = 8


@dataclass
class Xray:
    """One image of the release: its folder (train, val or test), class, what its name says and what it holds."""

    folder: str
    class_name: str
    xray: XrayName
    facts: ImageFacts

    @property
    def name(self) -> str:
        """Class folder and file name, as in ``train/NORMAL/IM-0115-0001.jpeg``."""
        return self.facts.name

    @property
    def findings(self) -> Findings:
        """What was found wrong with it."""
        return self.facts.findings

    @property
    def label(self) -> int:
        """0 normal, 1 pneumonia."""
        return CLASSES.index(self.class_name)


@dataclass
class XrayFolder:
    """A whole release: images sorted by folder, class and name; problems that belong to no image."""

    root: Path
    cases: list[Xray] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    skipped: int = 0

    @property
    def good(self) -> list[Xray]:
        """The images without problems."""
        return [case for case in self.cases if not case.findings.problems]

    @property
    def summary(self) -> str:
        """What was found, in one line."""
        counts = Counter(case.folder for case in self.cases)
        there = ", ".join(f"{folder} {counts[folder]}" for folder in FOLDERS if counts[folder])
        colour = sum(case.facts.channels > 1 for case in self.cases)
        return (
            f"{len(self.cases)} image(s) ({there}), {colour} of them saved in colour channels; "
            f"{self.skipped} other file(s) skipped"
        )


def find_root(source: Path) -> Path | None:
    """The folder with train/ or test/: ``source`` itself, or the one folder in it that has them."""
    if not source.is_dir():
        return None
    children = sorted(path for path in source.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))
    holders = [path for path in (source, *children) if any((path / name).is_dir() for name in ("train", "test"))]
    if source in holders:
        return source
    return holders[0] if len(holders) == 1 else None


def image_files(root: Path, needed: Sequence[str]) -> tuple[list[tuple[str, str, Path]], list[str], int]:
    """List the images as (folder, class, path), with what is missing in the folders and the number of other files.

    Args:
        needed: of train and test, those that must be there; val/ need not be. Where test alone is needed, only it is
            looked at: what is measured on must not depend on what was trained on.
    """
    files, problems, skipped = [], [], 0
    for folder in FOLDERS if "train" in needed else needed:
        if not (root / folder).is_dir():
            if folder in needed:
                problems.append(_missing(root, folder, needed))
            continue
        for class_name in CLASSES:
            place = root / folder / class_name
            if not place.is_dir():
                if folder in needed:
                    problems.append(_missing(root, f"{folder}/{class_name}", needed))
                continue
            inside = sorted(path for path in place.iterdir() if path.is_file())
            images = [path for path in inside if is_image_name(path)]
            skipped += len(inside) - len(images)
            files += [(folder, class_name, path) for path in images]
    return files, problems, skipped


def read_folder(root: Path, needed: Sequence[str], quiet: bool = True) -> XrayFolder:
    """List a release and look at every image of it; nothing is raised, all problems are noted.

    Args:
        needed: folders that must be there and hold both classes: of train and test.
        quiet: no progress bar.
    """
    folder = XrayFolder(root)
    files, folder.problems, folder.skipped = image_files(root, needed)
    free = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ThreadPoolExecutor(min(WORKERS, free)) as pool:
        looked = pool.map(look_at_image, [path for _, _, path in files])
        for (part, class_name, path), facts in zip(
            files, tqdm(looked, total=len(files), desc="checking", unit="image", disable=quiet), strict=True
        ):
            folder.cases.append(Xray(part, class_name, read_name(path.stem, class_name), facts))
    for case in folder.cases:
        _compare_name_and_class(case)
    if not folder.problems:
        folder.problems += _classes_missing(folder, needed)
    return folder


def _missing(root: Path, name: str, needed: Sequence[str]) -> str:
    parent = (root / name).parent
    there = sorted(path.name + ("/" if path.is_dir() else "") for path in parent.iterdir()) if parent.is_dir() else []
    found = f"found in {parent.relative_to(root.parent)}: {some(there)}" if there else f"{parent} is empty"
    move = "add it or give it this name"
    if name == "test" and "train" in needed:
        move = "add the official test images, which are never trained on, or say that you do without (--without_test)"
    elif name == "test":
        move = "name the folder with test/NORMAL/ and test/PNEUMONIA/, or score another part (--split validation)"
    return f"the folder {name}/ must be there, {found}; {move}"


def _compare_name_and_class(case: Xray) -> None:
    ill = case.xray.subtype in ("bacteria", "virus")
    if case.xray.known and (ill != (case.class_name == "PNEUMONIA")) and case.xray.subtype != "unknown":
        case.findings.problem(
            f"the name says {case.xray.subtype}, the folder {case.class_name}; move the image to the right folder"
        )


def _classes_missing(folder: XrayFolder, needed: Sequence[str]) -> list[str]:
    """A part with one class would give no AUC; only good images count."""
    problems = []
    for part in needed:
        counts = Counter(case.class_name for case in folder.good if case.folder == part)
        if min(counts[name] for name in CLASSES) == 0:
            numbers = ", ".join(f"{name} {counts[name]}" for name in CLASSES)
            problems.append(
                f"{part}/ must hold images of both classes, found {numbers} (readable .jpeg, .jpg, .png, .bmp and .tif "
                "files count); add the missing ones"
            )
    return problems
