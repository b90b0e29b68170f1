"""Lung tumours of the Medical Segmentation Decathlon (Task06_Lung) for training, straight from its NIfTI files.

Source: http://medicaldecathlon.com, Task06_Lung.tar (63 CT with label, 32 without, CC BY-SA 4.0; the scans are from
https://doi.org/10.7937/K9/TCIA.2017.7hs46erv). ``msd_lung_folder`` says which layouts are taken.

    SOURCE/dataset.json   imagesTr/lung_001.nii.gz   labelsTr/lung_001.nii.gz   imagesTs/lung_002.nii.gz

Output: ``OUTPUT/datalist.json`` and ``report.txt``, nothing else. No volume is copied: datalist.json holds the way from
OUTPUT to SOURCE (``root``) and file names relative to that. Move both together, or prepare again; OUTPUT may be SOURCE
itself. Volumes of ``imagesTs`` have no label: they are listed as ``unlabelled`` and take no part in the split.

Slices exported as PNG pictures are taken as well and stacked to volumes below OUTPUT: see ``png_slices``.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .conversion_output import check_output, write_conversion
from .conversion_report import Conversion, ConversionError, stop_on_problems
from .converted_items import converted_items
from .findings import some
from .msd_lung_check import check_case
from .msd_lung_folder import MsdCase, find_root, plan_folder
from .patient_split import split_patients
from .phantom_set import phantom_items
from .png_slices import convert_slices
from .png_slices_folder import find_png_root

NAME = "msd_lung"
VERSION = "1.0.0"


def prepare(
    source: str | Path,
    output: str | Path,
    skip_bad: bool = False,
    seed: int = 0,
    val_fraction: float = 0.2,
    test_fraction: float = 0.2,
    allow_empty: bool = False,
    quiet: bool = False,
    spacing_mm: Sequence[float] | None = None,
    window_hu: Sequence[float] | None = None,
    allow_gaps: bool = False,
) -> dict[str, Any]:
    """Check every volume of a Task06_Lung folder, then list them; of PNG slices, stack and write them.

    Args:
        source: the unpacked folder, or the folder it lies in.
        output: folder for datalist.json; may exist, and may be the source (not of PNG slices).
        skip_bad: list the good cases and name the others, instead of stopping.
        seed: of the division by case.
        val_fraction: share of the cases for validation (at least one when there are two).
        test_fraction: share of the cases for the test part (at least one when there are three, none when 0).
        allow_empty: take a label without voxels as "no tumour" instead of as a problem.
        quiet: neither progress bar nor the closing table; the report file is written all the same.
        spacing_mm: of PNG slices, distance of columns, rows and slices; unknown by default.
        window_hu: of PNG slices, Hounsfield units of the grey values 0 and 255; -1000 and 400 by default.
        allow_gaps: stack PNG slices with gaps in their numbers instead of refusing the volume.

    Returns:
        What datalist.json holds.

    Raises:
        ConversionError: problems were found and ``skip_bad`` is off (nothing is written), or no good case is left.
        FileNotFoundError, NotADirectoryError: of ``source``, or of an output that is a file.
        ValueError: impossible fractions, spacing or window, or options of PNG slices for NIfTI.
        OSError: not enough room for stacked slices.
    """
    source, output = Path(source), Path(output)
    _check_settings(source, output, val_fraction, test_fraction, seed)
    root, png_root = find_root(source), find_png_root(source)
    if root is not None:
        if spacing_mm is not None or window_hu is not None or allow_gaps:
            raise ValueError(
                "--spacing_mm, --window_hu and --allow_gaps are for PNG slices, but this is NIfTI: omit them"
            )
        result = _list_volumes(root, skip_bad, allow_empty, quiet)
        way = Path(os.path.relpath(root.resolve(), output.resolve())).as_posix()
    elif png_root is not None:
        result = convert_slices(
            png_root, output, skip_bad=skip_bad, allow_empty=allow_empty, allow_gaps=allow_gaps, spacing_mm=spacing_mm,
            window_hu=window_hu, quiet=quiet,
        )  # fmt: skip
        way = "."
    else:
        raise ConversionError(_neither(source))
    return write_conversion(
        output, result, name=NAME, converter_version=VERSION, seed=seed, val_fraction=val_fraction,
        test_fraction=test_fraction, quiet=quiet, root=way,
    )  # fmt: skip


def datalist(
    dataset_dir: str | Path | None,
    split: str,
    phantom_dir: str | Path,
    phantom_patients: int = 6,
    phantom_grade: str = "easy",
    phantom_seed: int = 0,
) -> list[dict[str, Any]]:
    """Items of one part of a prepared data set; without a ``dataset_dir``, of a phantom made for the purpose.

    Args:
        dataset_dir: output folder of ``prepare``, or None for the phantom.
        split: training, validation or test; or unlabelled.
        phantom_dir: where the phantom is made, once, and found again.

    Returns:
        Items ``{"image", "label", "patient", "phantom"}`` with absolute paths; the unlabelled have no ``label``.

    Raises:
        FileNotFoundError: ``dataset_dir`` is no prepared data set; says what was expected and how to make it.
        ValueError: see ``read_datalist``.
    """
    if dataset_dir is not None and str(dataset_dir) != "":
        folder = Path(dataset_dir)
        raw = folder.absolute() if find_root(folder) else "RAW"
        return converted_items(folder, split, NAME, "which lists the volumes of a Task06_Lung folder", source=raw)
    from .msd_lung_phantom import write_phantom

    return phantom_items(
        phantom_dir, split, NAME, VERSION, write_phantom, prepare, phantom_patients, phantom_grade, phantom_seed
    )


def _check_settings(source: Path, output: Path, val_fraction: float, test_fraction: float, seed: int) -> None:
    split_patients([], {"validation": val_fraction, "test": test_fraction}, seed)
    if not source.exists():
        raise FileNotFoundError(f"--source does not exist: {source.absolute()}; give the unpacked Task06_Lung folder")
    if not source.is_dir():
        raise NotADirectoryError(f"--source must be a folder, this is a file: {source}; unpack it first (tar xf)")
    check_output(output)


def _neither(source: Path) -> str:
    there = some(sorted(path.name for path in source.iterdir() if path.name[0] != "."), 6) or "nothing"
    return (
        f"{source} is no Task06_Lung folder; expected there: dataset.json, imagesTr and labelsTr (NIfTI), or images "
        f"and labels with VOLUME_slice_NUMBER.png; found {there}"
    )


def _list_volumes(root: Path, skip_bad: bool, allow_empty: bool, quiet: bool) -> Conversion:
    """Read every volume once; problems go to the cases' findings, and the good cases have items."""
    folder = plan_folder(root)
    items: list[dict[str, Any]] = []
    owners: dict[str, MsdCase] = {}
    bar = tqdm(folder.cases, desc="checking", unit="case", disable=quiet)
    for case in bar:
        bar.set_postfix_str(case.name)
        item = check_case(root, case, allow_empty)
        if item is None:
            continue
        other = owners.setdefault(item["sha256"]["image"], case)
        if other is case:
            items.append(item)
        else:
            case.findings.problem(
                f"{case.image} and {other.image} are the same file: one patient could fall into two parts; remove one"
            )
    stop_on_problems(root, folder.summary, folder.findings.problems, folder.cases, skip_bad)
    return Conversion(items, folder.cases, folder.findings.problems, folder.summary)
