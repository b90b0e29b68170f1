"""The files of one folder of Task06_Lung by the case they belong to: names only, nothing is opened."""

import re
from pathlib import Path, PurePosixPath

IMAGES, LABELS, UNLABELLED_IMAGES = "imagesTr", "labelsTr", "imagesTs"
NIFTI = (".nii.gz", ".nii")
PICKLED = (".pkl", ".pickle", ".npy", ".npz", ".joblib", ".pt", ".pth")
CHANNEL = "_0000"  # nnU-Net's name of the only channel


class FilesOfFolder:
    """NIfTI files (``nifti``) and files that may hold a pickle (``pickled``) of ``root/folder``, case name -> place.

    Hidden files are counted and passed over: the real release comes with macOS files such as ``._lung_001.nii.gz``
    beside every volume.
    """

    def __init__(self, root: Path, folder: str) -> None:
        self.folder = folder
        self.nifti: dict[str, str] = {}
        self.pickled: dict[str, str] = {}
        self.problems: list[str] = []
        there = sorted((root / folder).iterdir()) if (root / folder).is_dir() else []
        files = [path.name for path in there if path.is_file()]
        names = [name for name in files if name[0] != "."]
        self.hidden = len(files) - len(names)
        for name in names:
            self._add(name, names)

    def _add(self, name: str, names: list[str]) -> None:
        stem, kind = split_name(name)
        if kind in PICKLED:
            self.pickled[stem.removesuffix(CHANNEL)] = f"{self.folder}/{name}"
        if kind not in NIFTI:
            return
        case = stem if self.folder == LABELS else stem.removesuffix(CHANNEL)
        channel = re.fullmatch(r"(.+)_000[1-9]", stem)
        if channel and f"{channel[1]}{CHANNEL}{kind}" in names:
            self.problems.append(f"{self.folder}/{name} is a second channel, but a case is one CT volume; move it away")
        elif case in self.nifti:
            other = PurePosixPath(self.nifti[case]).name
            self.problems.append(f"{self.folder}: {other} and {name} are the same case; keep one of them")
        else:
            self.nifti[case] = f"{self.folder}/{name}"

    def missing(self, place: str, key: str) -> str:
        """Say that a file is missing, or there only in a form that is never opened."""
        pickled = self.pickled.get(case_of(place))
        if pickled is None:
            return f"the {key} is missing: {place}; unpack the release again"
        return (
            f"the {key} is there only as {pickled}, which was not opened: a pickle runs whatever code its author put "
            "in, and a numpy file may hold one; take the NIfTI file of the original release (medicaldecathlon.com)"
        )


def split_name(name: str) -> tuple[str, str]:
    """A file name without its suffix, and the suffix in lower case (``.nii.gz`` is one).

    >>> split_name("lung_001.nii.gz"), split_name("a.b.pkl")
    (('lung_001', '.nii.gz'), ('a.b', '.pkl'))
    """
    kind = ".nii.gz" if name.lower().endswith(".nii.gz") else PurePosixPath(name).suffix
    return name[: len(name) - len(kind)], kind.lower()


def case_of(place: str) -> str:
    """The case that a file belongs to, by its name.

    >>> case_of("./imagesTr/lung_001_0000.nii.gz")
    'lung_001'
    """
    return split_name(PurePosixPath(place).name)[0].removesuffix(CHANNEL)
