"""Which CT belongs to which outline: from the files of a folder tree to cases that can be converted, or cannot and why.

One case is one CT series of a patient with a structure (RTSTRUCT or SEG) whose name matches. Where a CT has both, the
RTSTRUCT is taken: it is what was drawn, a SEG is made from it on a grid; the two are compared and a Dice below 0.95 is
told (``case_mask``). Several CT series of a patient: the one the outline references is taken.
"""

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pydicom

from . import dicom_seg, rtstruct
from .dicom_files import Annotation, DicomTree
from .dicom_series import Series
from .findings import Findings, some
from .phantom_mark import PHANTOM_MARK


@dataclass(frozen=True)
class Outline:
    """One structure in one file, drawn on one series."""

    path: Path
    modality: str
    number: int
    name: str
    series_uid: str


@dataclass
class Case:
    """A CT with its target, or the reasons why there is none. ``outlines``: the first is used, the rest compared."""

    name: str
    patient: str
    series: Series | None = None
    outlines: list[Outline] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)

    @property
    def is_phantom(self) -> bool:
        """Whether the CT says that it is synthetic."""
        return self.series is not None and self.series.manufacturer == PHANTOM_MARK

    @property
    def files(self) -> list[Path]:
        """Every source file the case is made from."""
        return (self.series.files if self.series else []) + [outline.path for outline in self.outlines]


def case_name(patient_id: str, study_uid: str = "") -> str:
    """A file name from a PatientID: letters, digits, ``._-``; anything changed gets a hash, so that names stay unique.

    >>> case_name("LUNG1-001"), case_name("../a b")
    ('LUNG1-001', 'a_b-2c2c791a')
    """
    if not patient_id.strip():
        return "unnamed-" + hashlib.sha256(study_uid.encode()).hexdigest()[:8]
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", patient_id.strip()).strip("._-")[:64]
    if safe == patient_id:
        return safe
    return f"{safe or 'patient'}-{hashlib.sha256(patient_id.encode()).hexdigest()[:8]}"


def plan_cases(tree: DicomTree, roi: str) -> list[Case]:
    """Every patient of the tree as one case or more, sorted by name; problems are in each case's findings."""
    series, annotations = defaultdict(list), defaultdict(list)
    patients: dict[str, str] = {}
    for item in tree.series:
        key = item.patient_id or f"study {item.study_uid}"
        patients[key] = case_name(item.patient_id, item.study_uid)
        series[key].append(item)
    for annotation in tree.annotations:
        key = annotation.patient_id or f"study {annotation.study_uid}"
        patients.setdefault(key, case_name(annotation.patient_id, annotation.study_uid))
        annotations[key].append(annotation)
    cases = [
        case for key in sorted(patients) for case in _plan_patient(patients[key], series[key], annotations[key], roi)
    ]
    for case in cases:
        if case.patient.startswith("unnamed-"):
            case.findings.warning(
                "no PatientID: files belong together by study, so two studies of one person may fall into different "
                "parts of the split; give each person an id if that can be"
            )
    seen: dict[str, Case] = {}
    for case in cases:
        other = seen.setdefault(case.name.casefold(), case)
        if other is not case:
            case.findings.problem(f"the case id and '{other.name}' differ only in upper and lower case; rename one")
    return cases


def _plan_patient(patient: str, series: list[Series], annotations: list[Annotation], roi: str) -> list[Case]:
    ct = [item for item in series if item.modality == "CT"]
    general = Findings()
    outlines: list[Outline] = []
    names: list[str] = []
    if not ct:
        found = some(sorted({item.modality for item in series} | {item.modality for item in annotations}))
        general.problem(f"a CT series is needed, found only {found}; download the CT, too")
    elif not annotations:
        general.problem(f"an RTSTRUCT or SEG is needed beside the CT ({some([item.name for item in ct])}), found none")
    else:
        for annotation in annotations:
            outline = _outline(annotation, ct, roi, names, general)
            if outline:
                outlines.append(outline)
    cases = [
        _case(patient, item, [outline for outline in outlines if outline.series_uid == item.uid])
        for item in ct
        if any(outline.series_uid == item.uid for outline in outlines)
    ]
    if not cases:
        if ct and annotations and not general.problems:
            there = some(dict.fromkeys(names), 20) or "none at all"
            general.problem(f"no structure matches --roi '{roi}'; there are: {there}; choose another pattern")
        return [Case(patient, patient, findings=general)]
    for case in cases:
        case.findings.warnings[:0] = general.problems + general.warnings
        if len(cases) > 1:
            case.name = f"{patient}_{hashlib.sha256(case.series.uid.encode()).hexdigest()[:8]}"
        if len(ct) > len(cases):
            case.findings.warning(f"{len(ct) - len(cases)} further CT series of the patient have no outline: not used")
    return cases


def _case(patient: str, series: Series, outlines: list[Outline]) -> Case:
    """A case from a CT and the outlines on it, RTSTRUCT first."""
    case = Case(patient, patient, series, sorted(outlines, key=lambda item: (item.modality == "SEG", str(item.path))))
    case.findings.take(series.findings, f"{series.name}: ")
    if not series.frame_of_reference:
        case.findings.warning(f"{series.name}: no FrameOfReferenceUID, so the outline's could not be compared")
    first = case.outlines[0].modality
    same = [item for item in case.outlines if item.modality == first]
    if len(same) > 1:
        case.findings.problem(
            f"{len(same)} {first} files outline the target on the same CT ({some([item.name for item in same])}); "
            "keep one of them"
        )
    return case


def _outline(
    annotation: Annotation, ct: list[Series], roi: str, names: list[str], findings: Findings
) -> Outline | None:
    """The one matching structure of a file and the series it belongs to; ``names`` collects what there is."""
    kind = f"{annotation.modality} (UID ...{annotation.sop_uid[-12:]})"
    try:
        dataset = pydicom.dcmread(annotation.path)
        module = rtstruct if annotation.modality == "RTSTRUCT" else dicom_seg
        there = rtstruct.roi_names(dataset) if module is rtstruct else dicom_seg.segment_names(dataset)
        found = rtstruct.find_roi(dataset, roi) if module is rtstruct else dicom_seg.find_segment(dataset, roi)
        referenced = module.referenced_series(dataset)
        frame = rtstruct.frame_of_reference(dataset, found[0] if found else None)
        frame = frame if module is rtstruct else str(dataset.get("FrameOfReferenceUID") or "")
    except Exception as error:  # pydicom raises many kinds for a damaged file
        findings.problem(f"{kind} cannot be read ({error}); download it again")
        return None
    names.extend(there.values())
    if len(found) != 1:
        if found:
            listed = some([f"'{there[number]}'" for number in found], 20)
            findings.problem(f"{kind}: exactly one structure must match --roi '{roi}', found {listed}; narrow it")
        return None
    series = _series_of(kind, referenced, frame, ct, findings)
    if series is None:
        return None
    return Outline(annotation.path, annotation.modality, found[0], there[found[0]], series.uid)


def _series_of(kind: str, referenced: list[str], frame: str, ct: list[Series], findings: Findings) -> Series | None:
    """The CT an outline belongs to: by reference, else by a frame of reference that only one CT has."""
    here = [item for item in ct if item.uid in referenced]
    if len(here) == 1:
        return here[0]
    available = some([item.name for item in ct])
    if here:
        findings.problem(f"{kind} must reference one CT series, found {len(here)}: {some([s.name for s in here])}")
    elif referenced:
        tails = some([f"...{uid[-12:]}" for uid in dict.fromkeys(referenced)])
        findings.problem(f"{kind} references series {tails}, which is not here ({available}); download that series")
    else:
        same = [item for item in ct if frame and item.frame_of_reference == frame]
        if len(same) == 1:
            findings.warning(f"{kind} names no series; matched to the only CT with its FrameOfReferenceUID")
            return same[0]
        findings.problem(
            f"{kind} names no series, and {len(same)} CT series share its FrameOfReferenceUID ({available}); "
            "exactly one must: keep the one it was drawn on"
        )
    return None
