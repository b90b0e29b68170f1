"""Walk a folder tree and sort its DICOM files: image series, structure sets, segmentations, everything else."""

import hashlib
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import MediaStorageDirectoryStorage
from tqdm import tqdm

from .dicom_series import Series, SeriesBuilder, open_header
from .dicom_slice import HEADER_TAGS

IMAGE_MODALITIES = {"CT", "MR", "PT"}


@dataclass(frozen=True)
class Annotation:
    """A file that outlines structures: RTSTRUCT or SEG. Read in full only when it is needed."""

    path: Path
    modality: str
    patient_id: str
    study_uid: str
    sop_uid: str


@dataclass
class DicomTree:
    """What a folder tree holds. Paths in ``problems`` are relative to the folder."""

    series: list[Series] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)
    skipped: int = 0
    other: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def _annotation(path: Path, header: Dataset) -> Annotation:
    names = ("Modality", "PatientID", "StudyInstanceUID", "SOPInstanceUID")
    return Annotation(path, *(str(header.get(name) or "") for name in names))


def scan_folder(folder: Path, progress: bool = False) -> DicomTree:
    """Read the headers of every file below ``folder``; links to folders are not followed.

    Raises:
        FileNotFoundError, NotADirectoryError: naming the path.
    """
    if not folder.exists():
        raise FileNotFoundError(f"the DICOM folder does not exist: {folder}; give the folder with the unpacked files")
    if not folder.is_dir():
        raise NotADirectoryError(f"a folder with DICOM files is needed, this is a file: {folder}; unpack it first")
    paths = sorted(Path(top) / name for top, _, names in os.walk(folder) for name in names)
    return scan_files(paths, folder, progress)


def scan_files(paths: list[Path], root: Path, progress: bool = False) -> DicomTree:
    """As ``scan_folder`` for a list of files; ``root`` only shortens the paths in messages."""
    tree = DicomTree()
    builders: dict[str, SeriesBuilder] = {}
    outlines: set[str] = set()
    for path in tqdm(paths, desc="reading headers", unit="file", disable=not progress, leave=False):
        name = path.relative_to(root) if path.is_relative_to(root) else path
        try:
            header = open_header(path, HEADER_TAGS)
        except InvalidDicomError:
            tree.skipped += 1
            continue
        except Exception as error:  # pydicom raises many kinds for a damaged file
            tree.problems.append(f"{name}: damaged or truncated DICOM file ({error}); download it again")
            continue
        modality = str(header.get("Modality") or "")
        uid = str(header.get("SOPInstanceUID") or "")
        if header.file_meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage:
            tree.other["DICOMDIR"] += 1
        elif not uid or not header.get("SeriesInstanceUID"):
            tree.problems.append(f"{name}: damaged or truncated DICOM file (no series UID); download it again")
        elif modality in ("RTSTRUCT", "SEG"):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if digest not in outlines:  # exact copies count once
                outlines.add(digest)
                tree.annotations.append(_annotation(path, header))
        elif modality in IMAGE_MODALITIES:
            builders.setdefault(str(header.SeriesInstanceUID), SeriesBuilder(header)).add(header, path)
        else:
            tree.other[modality or "no modality"] += 1
    tree.series = [builders[uid].finish() for uid in sorted(builders)]
    return tree
