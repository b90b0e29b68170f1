"""Which volumes a Task06_Lung folder holds and which label belongs to which: names only, no file is opened.

    Task06_Lung/dataset.json   imagesTr/lung_001.nii.gz   labelsTr/lung_001.nii.gz   imagesTs/lung_002.nii.gz

``.nii`` is as good as ``.nii.gz``, nnU-Net's ``lung_001_0000.nii.gz`` is the image of ``lung_001``, dataset.json may be
missing (pairs are then made by name), and the folder may lie one level deeper. Hidden files are passed over: the real
release comes with macOS files such as ``._lung_001.nii.gz`` beside every volume.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from .findings import Findings, some
from .msd_lung_json import read_listing

IMAGES, LABELS, UNLABELLED_IMAGES = "imagesTr", "labelsTr", "imagesTs"
NIFTI = (".nii.gz", ".nii")
PICKLED = (".pkl", ".pickle", ".npy", ".npz", ".joblib", ".pt", ".pth")


@dataclass
class MsdCase:
    """A volume with its label, or with none (``label`` empty, ``is_labelled`` false); names relative to the root."""

    name: str
    is_labelled: bool = True
    image: str = ""
    label: str = ""
    findings: Findings = field(default_factory=Findings)


@dataclass
class MsdFolder:
    """What a folder holds; ``problems`` belong to no case."""

    root: Path
    cases: list[MsdCase]
    problems: list[str]
    warnings: list[str]
    hidden: int

    @property
    def summary(self) -> str:
        """The contents as a line."""
        with_label = sum(case.is_labelled for case in self.cases)
        return (
            f"{with_label} case(s) with label, {len(self.cases) - with_label} without; "
            f"{self.hidden} hidden file(s) (macOS) were passed over"
        )


def find_root(source: Path) -> Path | None:
    """The folder with ``imagesTr``: the source, or the one folder in it that has it; None when there is none.

    Raises:
        ValueError: several folders have it.
    """
    if not source.is_dir():
        return None
    folders = [source, *sorted(path for path in source.iterdir() if path.is_dir() and path.name[0] != ".")]
    found = [folder for folder in folders if (folder / IMAGES).is_dir() or (folder / "dataset.json").is_file()]
    if len(found) > 1 and found[0] != source:
        raise ValueError(f"{source} holds several data sets ({some([f.name for f in found])}); give one as --source")
    return found[0] if found else None


def plan_folder(root: Path) -> MsdFolder:
    """List the cases of a folder, sorted by name; problems are in each case's findings and in ``problems``."""
    listing = read_listing(root)
    files = {folder: _Files(root, folder) for folder in (IMAGES, LABELS, UNLABELLED_IMAGES)}
    cases: list[MsdCase] = []
    if listing.training is None:
        names = sorted(set(files[IMAGES].nifti) | set(files[LABELS].nifti))
        cases += [_case_by_name(name, files) for name in names]
    else:
        cases += [_listed_case(root, image, label, files) for image, label in listing.training]
        cases += _not_listed(cases, files, (IMAGES, LABELS), "training")
    tests = list(files[UNLABELLED_IMAGES].nifti.values()) if listing.test is None else listing.test
    unlabelled = [_test_case(root, image, files) for image in tests]
    if listing.test is not None:
        unlabelled += _not_listed(unlabelled, files, (UNLABELLED_IMAGES,), "test")
    everything = [case for case in cases + unlabelled if case.name[:2] != "._"]
    _check_names(everything)
    folder = MsdFolder(root, everything, listing.findings.problems, listing.findings.warnings, 0)
    folder.hidden = sum(kind.hidden for kind in files.values())
    for kind in files.values():
        folder.problems += kind.problems
    return folder


class _Files:
    """The files of one folder by case name."""

    def __init__(self, root: Path, folder: str) -> None:
        self.nifti: dict[str, str] = {}
        self.pickled: dict[str, str] = {}
        self.problems: list[str] = []
        self.hidden = 0
        there = sorted((root / folder).iterdir()) if (root / folder).is_dir() else []
        names = [path.name for path in there if path.is_file()]
        for name in names:
            if name[0] == ".":
                self.hidden += 1
                continue
            stem, kind = split_name(name)
            place = self.nifti if kind in NIFTI else self.pickled if kind in PICKLED else None
            if place is None:
                continue
            case = stem.removesuffix("_0000") if folder != LABELS else stem
            channel = re.fullmatch(r"(.+)_000[1-9]", stem)
            if kind in NIFTI and channel and f"{channel[1]}_0000{kind}" in names:
                self.problems.append(
                    f"{folder}/{name} is a second channel; one CT volume a case is wanted: move it away"
                )
            elif case in place:
                self.problems.append(
                    f"{folder}: {PurePosixPath(place[case]).name} and {name} are the same case; keep one"
                )
            else:
                place[case] = f"{folder}/{name}"


def split_name(name: str) -> tuple[str, str]:
    """A file name without its suffix, and the suffix in lower case (``.nii.gz`` is one).

    >>> split_name("lung_001.nii.gz"), split_name("a.b.pkl")
    (('lung_001', '.nii.gz'), ('a.b', '.pkl'))
    """
    kind = ".nii.gz" if name.lower().endswith(".nii.gz") else PurePosixPath(name).suffix
    return name[: len(name) - len(kind)], kind.lower()


def _case_by_name(name: str, files: dict[str, _Files]) -> MsdCase:
    case = MsdCase(name, image=files[IMAGES].nifti.get(name, ""), label=files[LABELS].nifti.get(name, ""))
    for key, folder in (("image", IMAGES), ("label", LABELS)):
        if not getattr(case, key):
            case.findings.problem(_missing(f"{folder}/{name}.nii.gz", name, key, files[folder]))
    return case


def _listed_case(root: Path, image: str, label: str, files: dict[str, _Files]) -> MsdCase:
    case = MsdCase(split_name(PurePosixPath(image).name)[0].removesuffix("_0000"))
    case.image = _resolve(root, image, "image", case, files[IMAGES])
    case.label = _resolve(root, label, "label", case, files[LABELS])
    return case


def _test_case(root: Path, image: str, files: dict[str, _Files]) -> MsdCase:
    case = MsdCase(split_name(PurePosixPath(image).name)[0].removesuffix("_0000"), is_labelled=False)
    case.image = _resolve(root, image, "image", case, files[UNLABELLED_IMAGES])
    return case


def _resolve(root: Path, entry: str, key: str, case: MsdCase, files: _Files) -> str:
    """The file of an entry, relative to the root; empty, with the problem noted, when there is none."""
    path = PurePosixPath(entry)
    if (
        path.is_absolute()
        or ".." in path.parts
        or "\\" in entry
        or not (root / path).resolve().is_relative_to(root.resolve())
    ):
        case.findings.problem(
            f"the {key} must lie inside the folder, dataset.json names {entry!r:.200}; correct the entry"
        )
        return ""
    if (root / path).is_file() and split_name(path.name)[1] in NIFTI:
        return str(path)
    here = files.nifti.get(split_name(path.name)[0].removesuffix("_0000"))  # nnU-Net lists images without their channel
    if here and str(PurePosixPath(here).parent) == str(path.parent):
        return here
    case.findings.problem(_missing(str(path), case.name, key, files))
    return ""


def _missing(place: str, name: str, key: str, files: _Files) -> str:
    pickled = files.pickled.get(name)
    if pickled is None:
        return f"the {key} is missing: {place}; unpack the release again"
    return (
        f"the {key} is there only as {pickled}: opening a pickle (or a numpy file, which may hold one) runs whatever "
        "code its author put in, so it was not opened; take the NIfTI label of the release (medicaldecathlon.com)"
    )


def _not_listed(cases: list[MsdCase], files: dict[str, _Files], folders: tuple[str, ...], part: str) -> list[MsdCase]:
    listed = {name for case in cases for name in (case.image, case.label)}
    wrong: dict[str, list[str]] = defaultdict(list)
    for folder in folders:
        for name, place in files[folder].nifti.items():
            if place not in listed:
                wrong[name].append(place)
    found = []
    for name, places in sorted(wrong.items()):
        case = MsdCase(name, is_labelled=part == "training")
        case.findings.problem(
            f"dataset.json does not list {' and '.join(places)} under {part}; add the entry, or move the file away"
        )
        found.append(case)
    return found


def _check_names(cases: list[MsdCase]) -> None:
    seen: dict[str, MsdCase] = {}
    for case in cases:
        other = seen.setdefault(case.name.casefold(), case)
        if other is not case:
            case.findings.problem(
                f"there are two cases of this name ({other.image or '-'}, {case.image or '-'}); keep one"
            )
