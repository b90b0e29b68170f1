"""CT series of a folder tree, however it is laid out.

Files are grouped by SeriesInstanceUID, never by folder or file name, and ordered by ImagePositionPatient along the
normal of the slices. Each series carries what is wrong with it; ``read_volume`` refuses a series with problems.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileDataset
from pydicom.uid import UID

from .dicom_pixels import decoding_problem, pixel_data_problem, read_hounsfield
from .dicom_slice import HeaderError, SliceInfo, read_slices
from .findings import Findings, some
from .slice_geometry import Grid, arrange


@dataclass
class Series:
    """One image series: its slices in order along the normal, its grid, and what the checks found."""

    uid: str
    patient_id: str
    study_uid: str
    modality: str
    description: str
    frame_of_reference: str
    manufacturer: str
    slices: list[SliceInfo] = field(default_factory=list)
    grid: Grid | None = None
    findings: Findings = field(default_factory=Findings)

    @property
    def name(self) -> str:
        """How messages call the series: description and the end of its UID, nothing about the patient.

        A description with a caret or the PatientID in it holds a name or an id (some archives do that): left out.
        """
        patient = self.patient_id.strip().casefold()
        telling = "^" in self.description or (patient and patient in self.description.casefold())
        return f"{self.modality} series '{'' if telling else self.description[:40]}' (UID ...{self.uid[-12:]})"

    @property
    def files(self) -> list[Path]:
        """Its files in slice order, each once."""
        return list(dict.fromkeys(item.path for item in self.slices))


def read_volume(series: Series) -> tuple[np.ndarray, np.ndarray]:
    """Read a series in Hounsfield units.

    Returns:
        int16 HU (X, Y, Z) = (column, row, slice), and the 4x4 affine from voxel index to RAS mm.

    Raises:
        ValueError: the series has problems; all of them are listed.
    """
    if series.grid is None or series.findings.problems:
        listed = "".join(f"\n  - {text}" for text in series.findings.problems)
        raise ValueError(f"{series.name} cannot be read as one volume:{listed}")
    volume, clipped = read_hounsfield(series.slices)
    if clipped:
        series.findings.warning(f"{clipped} voxels outside the range of int16 were clipped")
    return volume, series.grid.affine_ras


class SeriesBuilder:
    """Collects the files of one series, then checks them as a whole."""

    def __init__(self, header: FileDataset) -> None:
        def text(name: str) -> str:
            return str(header.get(name) or "")

        self.series = Series(
            uid=text("SeriesInstanceUID"),
            patient_id=text("PatientID"),
            study_uid=text("StudyInstanceUID"),
            modality=text("Modality"),
            description=text("SeriesDescription"),
            frame_of_reference=text("FrameOfReferenceUID"),
            manufacturer=text("Manufacturer"),
        )
        self.faults: Counter[str] = Counter()
        self.patients: set[str] = set()
        self.frames_of_reference: set[str] = set()
        self.rescale_types: set[str] = set()
        self.paths: dict[str, Path] = {}
        self.copies = 0
        self.encapsulated = False
        self.files = 0

    def add(self, header: FileDataset, path: Path) -> None:
        """Take one file in; what is wrong with it is counted and reported by ``finish``."""
        uid = str(header.SOPInstanceUID)
        if uid in self.paths:
            if _digest(self.paths[uid]) == _digest(path):
                self.copies += 1
            else:
                self.faults["two files have the same SOPInstanceUID and different content; keep one"] += 1
            return
        self.paths[uid] = path
        self.files += 1
        self.patients.add(str(header.get("PatientID") or ""))
        self.frames_of_reference.add(str(header.get("FrameOfReferenceUID") or ""))
        self.rescale_types.add(str(header.get("RescaleType") or ""))
        try:
            fault = pixel_data_problem(header, path)
            self.encapsulated |= UID(header.file_meta.TransferSyntaxUID).is_encapsulated
            self.series.slices.extend(read_slices(header, path))
        except HeaderError as error:
            fault = str(error)
        except (AttributeError, TypeError, ValueError) as error:
            fault = f"the header cannot be understood ({error})"
        if fault:
            self.faults[fault] += 1

    def finish(self) -> Series:
        """Order the slices, run the checks on the whole, return the series."""
        series, findings = self.series, self.series.findings
        for fault, count in self.faults.items():
            findings.problem(f"{count} of {self.files} file(s): {fault}")
        if len(self.patients) > 1:
            findings.problem(f"a series must belong to one PatientID, found {len(self.patients)}; separate them")
        if len(self.frames_of_reference) > 1:
            findings.problem(
                f"a series must have one FrameOfReferenceUID, found {len(self.frames_of_reference)}; separate them"
            )
        if self.copies:
            findings.warning(f"{self.copies} file(s) are exact copies of others and were counted once")
        odd = self.rescale_types - {"", "HU", "US"}
        if odd:
            findings.warning(f"RescaleType must be HU for a CT, found {some(sorted(odd))}: values may be no HU")
        rescales = {(item.slope, item.intercept) for item in series.slices}
        if len(rescales) > 1:
            findings.warning(f"{len(rescales)} different rescale slopes and intercepts, applied slice by slice")
        if not self.faults:
            series.slices, series.grid = arrange(series.slices, findings)
        if self.encapsulated and not findings.problems:
            fault = decoding_problem(series.slices)
            if fault:
                findings.problem(fault)
        return series


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def open_header(path: Path, tags: list[str]) -> FileDataset:
    """Header of a DICOM file, its pixel data left on disk."""
    return pydicom.dcmread(path, defer_size=65536, specific_tags=tags)
