"""Which slices a folder of PNG pictures holds and which volume they belong to: names only, no picture is opened.

SOURCE/images/7_slice_0001.png    8-bit grey
SOURCE/labels/7_slice_0001.png    its mask, 0 and 255
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from .findings import Findings, some

IMAGES, LABELS = "images", "labels"
NAME = re.compile(r"(?P<volume>.+)_slice_(?P<number>\d{1,9})\.png", re.IGNORECASE)


@dataclass
class PngVolume:
    """The slices of one volume: number -> file in ``images`` and file in ``labels``, by number."""

    name: str
    slices: dict[int, tuple[Path, Path]] = field(default_factory=dict)
    gaps: int = 0
    findings: Findings = field(default_factory=Findings)

    @property
    def files(self) -> list[Path]:
        """Every source file of the volume."""
        return [path for pair in self.slices.values() for path in pair]


def find_png_root(source: Path) -> Path | None:
    """The folder with slices in ``images``: the source, or the first one in it; None when there is none."""
    if not source.is_dir():
        return None
    for folder in (source, *sorted(path for path in source.iterdir() if path.is_dir())):
        if (folder / IMAGES).is_dir() and any(NAME.fullmatch(path.name) for path in (folder / IMAGES).iterdir()):
            return folder
    return None


def plan_volumes(root: Path, allow_gaps: bool) -> tuple[list[PngVolume], Findings]:
    """Group the slices by volume, sorted by name; problems are in the volumes' findings and in those of the folder."""
    general = Findings()
    images, labels = (_slices(root / folder, general) for folder in (IMAGES, LABELS))
    volumes = []
    for name in sorted(set(images) | set(labels)):
        volume = PngVolume(name)
        for folder, found, other in ((IMAGES, labels, images), (LABELS, images, labels)):
            lonely = sorted(set(found[name]) - set(other[name]))
            if lonely:
                volume.findings.problem(
                    f"{len(lonely)} slice(s) are missing in {folder}: {runs(lonely)}; export them, or move their "
                    "partners away"
                )
        for number in sorted(set(images[name]) & set(labels[name])):
            pictures, masks = images[name][number], labels[name][number]
            if len(pictures) > 1 or len(masks) > 1:
                twice = some([path.name for path in (pictures if len(pictures) > 1 else masks)])
                volume.findings.problem(f"slice {number} is there more than once ({twice}); keep one file")
            volume.slices[number] = (pictures[0], masks[0])
        _look_for_gaps(volume, allow_gaps)
        volumes.append(volume)
    seen: dict[str, str] = {}
    for volume in volumes:
        other = seen.setdefault(volume.name.casefold(), volume.name)
        if other != volume.name:
            volume.findings.problem(f"the name and '{other}' differ only in upper and lower case; rename one")
    return volumes, general


def _slices(folder: Path, general: Findings) -> dict[str, dict[int, list[Path]]]:
    """Files by volume and number; hidden files are passed over."""
    found: dict[str, dict[int, list[Path]]] = defaultdict(lambda: defaultdict(list))
    strange = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        match = NAME.fullmatch(path.name)
        if match and path.is_file() and path.name[0] != ".":
            found[match["volume"]][int(match["number"])].append(path)
        elif path.name[0] != ".":
            strange.append(path.name)
    if strange:
        general.problem(
            f"{folder.name} may hold only VOLUME_slice_NUMBER.png, found {len(strange)} other(s): {some(strange)}; "
            "move them away"
        )
    return found


def _look_for_gaps(volume: PngVolume, allow_gaps: bool) -> None:
    if not volume.slices:
        return
    first, last = min(volume.slices), max(volume.slices)
    missing = sorted(set(range(first, last + 1)) - set(volume.slices)) if last - first < 100_000 else [first, last]
    volume.gaps = len(missing)
    if first > 1:
        volume.findings.warning(f"the numbers begin at {first}: slices before it may be missing")
    if missing and allow_gaps:
        volume.findings.warning(
            f"{len(missing)} slice(s) are missing: {runs(missing)}; what is there is stacked without them, so that "
            "neighbours, lesions in 3D and volumes are not those of the patient"
        )
    elif missing:
        volume.findings.problem(
            f"{len(missing)} slice(s) are missing: {runs(missing)}; export every slice, or pass --allow-gaps to stack "
            "what is there"
        )


def runs(numbers: list[int], limit: int = 6) -> str:
    """Write ascending numbers as runs.

    >>> runs([3, 4, 5, 9])
    '3 to 5, 9'
    """
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return some([f"{a}" if a == b else f"{a} to {b}" for a, b in parts], limit)
