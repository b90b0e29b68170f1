"""NSCLC-Radiomics (and any CT with an outlined tumour in DICOM) to NIfTI in Hounsfield units with a mask on its grid.

Source: a folder tree as it comes from The Cancer Imaging Archive, https://doi.org/10.7937/K9/TCIA.2015.PF0M9REI
(422 patients, CC BY-NC 3.0). Names of folders and files mean nothing; the DICOM headers say what belongs together:

    SOURCE/LUNG1-001/09-18-2008-StudyID-NA-69331/0.000000-NA-82046/1-001.dcm ...     CT
                                                /3.000000-NA-78236/1-1.dcm           RTSTRUCT or SEG

Output:

    OUTPUT/images/LUNG1-001.nii   labels/LUNG1-001.nii.gz   cases/LUNG1-001.json   datalist.json   report.txt

The target is the one structure whose name matches ``roi`` (GTV-1 and its spellings); nodes are never merged into it.
The case id is the PatientID, made safe for a file name; the patient's name is never read. Some patients are named in
public lists of misregistered or post-operative scans: they are converted and marked as suspect.
"""

import math
import re
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .case_mask import target_mask
from .case_plan import Case, plan_cases
from .case_record import check_room, convert_cases
from .case_writer import write_case
from .conversion_output import check_output, write_conversion
from .conversion_report import Conversion, ConversionError, stop_on_problems
from .converted_items import converted_items
from .dicom_files import DicomTree, scan_folder
from .patient_split import split_patients
from .phantom_set import phantom_items

NAME = "nsclc_radiomics"
VERSION = "1.0.0"
DEFAULT_ROI = r"(?i)^GTV[-_ ]?1$"
SUSPECT = frozenset(f"LUNG1-{number:03d}" for number in (14, 21, 85, 95, 128, 194, 412))


def prepare(
    source: str | Path,
    output: str | Path,
    roi: str = DEFAULT_ROI,
    skip_bad: bool = False,
    seed: int = 0,
    val_fraction: float = 0.2,
    test_fraction: float = 0.2,
    allow_empty: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Check a whole DICOM tree, then convert it. Run it again after an interruption: finished cases are kept.

    Args:
        source: folder with the DICOM files, any layout.
        output: folder for NIfTI files and datalist.json; may exist.
        roi: regular expression for the name of the target structure.
        skip_bad: convert the good cases and list the others, instead of stopping.
        seed: of the division by patient; another seed only rewrites datalist.json.
        val_fraction: share of patients for validation (at least one when there are two).
        test_fraction: share of patients for the test part (at least one when there are three, none when 0).
        allow_empty: take a target without contours as "no tumour" instead of as a problem.
        quiet: neither progress bars nor the closing table; the report file is written all the same.

    Returns:
        What datalist.json holds.

    Raises:
        ConversionError: problems were found and ``skip_bad`` is off (nothing is written), or no good case is left.
        FileNotFoundError, NotADirectoryError: of ``source``.
        ValueError: a pattern that is no regular expression, or impossible fractions.
        OSError: not enough room for the output.
    """
    source, output = Path(source), Path(output)
    _check_settings(output, roi, val_fraction, test_fraction, seed)
    result = _convert(source, output, roi, skip_bad, allow_empty, quiet)
    return write_conversion(
        output, result, name=NAME, converter_version=VERSION, seed=seed, val_fraction=val_fraction,
        test_fraction=test_fraction, quiet=quiet, facts={"roi": roi},
    )  # fmt: skip


def datalist(
    dataset_dir: str | Path | None,
    split: str,
    phantom_dir: str | Path,
    phantom_patients: int = 6,
    phantom_grade: str = "easy",
    phantom_seed: int = 0,
) -> list[dict[str, Any]]:
    """Items of one part of a converted data set; without a ``dataset_dir``, of a phantom made for the purpose.

    Args:
        dataset_dir: output folder of ``prepare``, or None for the phantom.
        split: training, validation or test.
        phantom_dir: where the phantom is made, once, and found again.

    Returns:
        Items ``{"image", "label", "patient", "phantom"}`` with absolute paths.

    Raises:
        FileNotFoundError: ``dataset_dir`` is no converted data set; says what was expected and how to make it.
        ValueError: see ``read_datalist``.
    """
    if dataset_dir is not None and str(dataset_dir) != "":
        return converted_items(dataset_dir, split, NAME, "images/ and labels/ of a converted data set")
    from .nsclc_phantom import write_phantom

    return phantom_items(
        phantom_dir, split, NAME, VERSION, write_phantom, prepare, phantom_patients, phantom_grade, phantom_seed
    )


def _check_settings(output: Path, roi: str, val_fraction: float, test_fraction: float, seed: int) -> None:
    try:
        re.compile(roi)
    except re.error as error:
        raise ValueError(f"--roi must be a regular expression, got '{roi}' ({error})") from error
    split_patients([], {"validation": val_fraction, "test": test_fraction}, seed)
    check_output(output)


def _convert(source: Path, output: Path, roi: str, skip_bad: bool, allow_empty: bool, quiet: bool) -> Conversion:
    """Check the whole tree, then write the good cases that are not there yet."""
    tree = scan_folder(source, progress=not quiet)
    cases = _check_cases(tree, roi, allow_empty, quiet)
    good = [case for case in cases if not case.findings.problems]
    if not cases and not tree.problems:
        raise ConversionError(
            f"no DICOM images in {source} ({tree.skipped} files are no DICOM, links to folders are not followed); "
            "give the folder with the unpacked patients"
        )
    found = _source_text(tree, cases)
    stop_on_problems(source, found, tree.problems, cases, skip_bad)
    check_room(output, sum(2 * math.prod(case.series.grid.shape) for case in good), len(good))

    def write(case: Case, digest: str) -> dict[str, Any]:
        return write_case(output, case, digest, suspect=case.patient in SUSPECT, allow_empty=allow_empty)

    settings = {"version": VERSION, "roi": roi, "allow_empty": allow_empty}
    items = convert_cases(output, good, settings, lambda case: case.files, write, quiet)
    return Conversion(items, cases, tree.problems, found)


def _check_cases(tree: DicomTree, roi: str, allow_empty: bool, quiet: bool) -> list[Case]:
    """Plan the cases and make each mask once, so that every problem is known before anything is written."""
    cases = plan_cases(tree, roi)
    for case in tqdm(cases, desc="checking", unit="case", disable=quiet, leave=False):
        if not case.findings.problems:
            try:
                target_mask(case, allow_empty)
            except Exception as error:  # a damaged outline fails anywhere in pydicom: it must not hide other cases
                case.findings.problem(f"the outline cannot be understood ({type(error).__name__}: {error})")
        if case.patient in SUSPECT:
            case.findings.warning("named in public lists of misregistered or post-operative patients: suspect")
    return cases


def _source_text(tree: DicomTree, cases: list[Case]) -> str:
    other = "".join(f", {count} {modality}" for modality, count in sorted(tree.other.items()))
    return (
        f"{len(cases)} case(s); {len(tree.series)} image series, {len(tree.annotations)} RTSTRUCT or SEG file(s)"
        f"{other}; {tree.skipped} file(s) are no DICOM and were skipped"
    )
