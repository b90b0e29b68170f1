"""Which volumes a Task06_Lung folder holds and which label belongs to which: names only, no volume is opened.

    Task06_Lung/dataset.json   imagesTr/lung_001.nii.gz   labelsTr/lung_001.nii.gz   imagesTs/lung_002.nii.gz

``.nii`` is as good as ``.nii.gz``, nnU-Net's ``lung_001_0000.nii.gz`` is the image of ``lung_001``, dataset.json may be
missing (pairs are then made by name), and the folder may lie one level deeper: so is Kaggle's ``Task006_Lung``.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from .findings import Findings, some
from .msd_lung_files import IMAGES, LABELS, NIFTI, PICKLED, UNLABELLED_IMAGES, FilesOfFolder, case_of, split_name
from .msd_lung_json import FILE_NAME, Listing, read_listing

Files = dict[str, FilesOfFolder]


@dataclass
class MsdCase:
    """A volume with its label, or with none (``is_labelled`` false); places relative to the root, empty if missing."""

    name: str
    is_labelled: bool = True
    image: str = ""
    label: str = ""
    findings: Findings = field(default_factory=Findings)


@dataclass
class MsdFolder:
    """What a folder holds; ``findings`` belong to no case."""

    root: Path
    cases: list[MsdCase]
    findings: Findings
    hidden: int

    @property
    def summary(self) -> str:
        """The contents as a line, and what should be known of them."""
        with_label = sum(case.is_labelled for case in self.cases)
        without = len(self.cases) - with_label
        notes = [f"{with_label} case(s) with label, {without} without", *self.findings.warnings]
        if self.hidden:
            notes.append(f"{self.hidden} hidden file(s), such as those of macOS, were passed over")
        return "; ".join(notes)


def find_root(source: Path) -> Path | None:
    """The folder with ``imagesTr`` or dataset.json: the source, or the one in it; None when there is none.

    Raises:
        ValueError: there are several.
    """
    if not source.is_dir():
        return None
    if _is_root(source):
        return source
    found = [path for path in sorted(source.iterdir()) if path.name[0] != "." and path.is_dir() and _is_root(path)]
    if len(found) > 1:
        raise ValueError(f"{source} holds several data sets ({some([f.name for f in found])}); give one as --source")
    return found[0] if found else None


def _is_root(folder: Path) -> bool:
    return (folder / IMAGES).is_dir() or (folder / FILE_NAME).is_file()


def plan_folder(root: Path) -> MsdFolder:
    """List the cases of a folder by name, those with label first; problems are in the findings of cases and folder."""
    listing = read_listing(root)
    files = {folder: FilesOfFolder(root, folder) for folder in (IMAGES, LABELS, UNLABELLED_IMAGES)}
    cases = _labelled(root, listing, files) + _unlabelled(root, listing, files)
    cases.sort(key=lambda case: (not case.is_labelled, case.name))
    _check_names(cases)
    if not any(case.is_labelled for case in cases):
        listing.findings.problem(
            f"there is no case with label: expected {IMAGES}/lung_001.nii.gz with {LABELS}/lung_001.nii.gz and so on; "
            "give the folder that holds both"
        )
    pickled = sum(len(kind.pickled) for kind in files.values())
    if pickled:
        listing.findings.warning(f"{pickled} pickle or numpy file(s) were not opened, since that could run their code")
    if (root / "labelsTs").is_dir():
        listing.findings.warning("labelsTs is not used: what lies in imagesTs counts as without label")
    for kind in files.values():
        for text in kind.problems:
            listing.findings.problem(text)
    return MsdFolder(root, cases, listing.findings, sum(kind.hidden for kind in files.values()))


def _labelled(root: Path, listing: Listing, files: Files) -> list[MsdCase]:
    pairs, cases = listing.training, []
    if pairs is None:
        names = sorted(set(files[IMAGES].nifti) | set(files[LABELS].nifti))
        pairs = [tuple(files[f].nifti.get(name, f"{f}/{name}.nii.gz") for f in (IMAGES, LABELS)) for name in names]
    for image, label in pairs:
        case = MsdCase(case_of(image))
        case.image = _resolve(root, image, "image", case.findings, files[IMAGES])
        case.label = _resolve(root, label, "label", case.findings, files[LABELS])
        cases.append(case)
    return cases + _not_listed(cases, files, (IMAGES, LABELS), "training")


def _unlabelled(root: Path, listing: Listing, files: Files) -> list[MsdCase]:
    cases = []
    for image in files[UNLABELLED_IMAGES].nifti.values() if listing.test is None else listing.test:
        case = MsdCase(case_of(image), is_labelled=False)
        case.image = _resolve(root, image, "image", case.findings, files[UNLABELLED_IMAGES])
        cases.append(case)
    return cases + _not_listed(cases, files, (UNLABELLED_IMAGES,), "test")


def _resolve(root: Path, entry: str, key: str, findings: Findings, files: FilesOfFolder) -> str:
    """The file of an entry, relative to the root; empty, with the problem noted, when there is none."""
    path = PurePosixPath(entry)
    if path.is_absolute() or ".." in path.parts or "\\" in entry:
        findings.problem(f"the {key} must lie inside the folder, {FILE_NAME} names {entry!r:.200}; correct the entry")
        return ""
    kind = split_name(path.name)[1]
    here = PurePosixPath(files.nifti.get(case_of(entry), ""))
    if kind in NIFTI and not (root / path).is_file() and here.parent == path.parent and here.name:
        path = here  # nnU-Net lists images without the channel in their names
    if kind not in (*NIFTI, *PICKLED):
        findings.problem(f"the {key} must be NIfTI (.nii or .nii.gz), found {path}; convert it")
        return ""
    if kind in PICKLED or not (root / path).is_file():
        findings.problem(files.missing(str(path), key))
        return ""
    if not (root / path).resolve().is_relative_to(root.resolve()):
        findings.problem(
            f"the {key} must lie inside the folder, {path} is a link that leads out of it; give the folder that holds "
            "the files, or copy them"
        )
        return ""
    return str(path)


def _not_listed(cases: list[MsdCase], files: Files, folders: tuple[str, ...], part: str) -> list[MsdCase]:
    """Cases for the files that dataset.json leaves out."""
    listed = {place for case in cases for place in (case.image, case.label)}
    left: dict[str, list[str]] = defaultdict(list)
    for folder in folders:
        for name, place in files[folder].nifti.items():
            if place not in listed and not any(name == case.name and case.findings.problems for case in cases):
                left[name].append(place)
    found = []
    for name, places in sorted(left.items()):
        case = MsdCase(name, is_labelled=part == "training")
        where = " and ".join(places)
        case.findings.problem(f"{FILE_NAME} does not list {where} under {part}; add an entry, or move the file away")
        found.append(case)
    return found


def _check_names(cases: list[MsdCase]) -> None:
    seen: dict[str, MsdCase] = {}
    for case in cases:
        other = seen.setdefault(case.name.casefold(), case)
        if other is not case:
            places = f"{other.image or other.name} and {case.image or case.name}"
            case.findings.problem(f"there are two cases of this name, {places}; keep one of them")
