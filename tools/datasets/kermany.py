"""Chest X-rays of children, normal or pneumonia (Kermany et al., Cell 2018), for training straight from the JPEGs.

Source: https://doi.org/10.17632/rscbjbr9sj (CC BY 4.0; 5,232 images to train on, 624 to test on), also known as
chest_xray. ``kermany_folder`` says which layout is taken, ``kermany_names`` what the file names say.

Output: ``OUTPUT/datalist.json`` and ``report.txt``, nothing else: no image is copied. datalist.json holds the way from
OUTPUT to SOURCE (``root``) and file names relative to that. Items have ``label`` (0 normal, 1 pneumonia) and
``subtype`` (normal, bacteria, virus, unknown).

test/ is the official test part, whole. train/ and val/ are divided by patient number into training and validation, less
what is also in test/.
"""

import os
from pathlib import Path
from typing import Any

from .conversion_output import check_output, write_report
from .datalist import FILE_NAME, SPLITS, UNLABELLED, read_datalist, write_parts
from .datalist_item import read_item
from .kermany_check import checked_release, root_of, verify_dataset
from .kermany_report import report_text
from .kermany_split import check_split, item_of, split_cases
from .phantom_set import phantom_items

NAME = "kermany"
VERSION = "1.0.0"


def prepare(
    source: str | Path,
    output: str | Path,
    skip_bad: bool = False,
    seed: int = 0,
    val_fraction: float = 0.2,
    without_test: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Check every image of a release, find duplicates, divide by patient, and write the list.

    Args:
        source: the folder with train/ and test/, or the folder it lies in; a val/ is divided together with train/.
        output: folder for datalist.json; may exist, and may be the source.
        skip_bad: list the good images and name the others, instead of stopping.
        seed: of the division by patient.
        val_fraction: share of the patients of train/ for validation (at least one of each kind when there are two).
        without_test: do without test/.
        quiet: neither progress bar nor the closing table; the report file is written all the same.

    Returns:
        What datalist.json holds.

    Raises:
        ConversionError: see ``verify_dataset``, or a part that would hold one class only; nothing is written.
        FileNotFoundError, NotADirectoryError: of ``source``, or of an output that is a file.
        ValueError: an impossible fraction.
    """
    source, output = Path(source), Path(output)
    check_split(val_fraction, 0)
    check_output(output)
    folder, duplicates = verify_dataset(source, ("train",) if without_test else ("train", "test"), skip_bad, quiet)
    parts = split_cases(folder.good, duplicates, seed, val_fraction)
    items = {part: [item_of(case, folder.root) for case in parts[part]] for part in SPLITS}
    output.mkdir(parents=True, exist_ok=True)
    bad = [case.name for case in folder.cases if case.findings.problems]
    data = write_parts(
        output, items, name=NAME, converter_version=VERSION, seed=seed, fractions={"validation": val_fraction},
        source={"images": len(folder.cases), "skipped": folder.skipped, "bad": bad, "duplicates": duplicates.facts()},
        root=Path(os.path.relpath(folder.root.resolve(), output.resolve())).as_posix(),
    )  # fmt: skip
    write_report(output, report_text(folder, duplicates, data), quiet)
    return data


def datalist(
    dataset_dir: str | Path | None,
    split: str,
    phantom_dir: str | Path,
    seed: int = 0,
    val_fraction: float = 0.2,
    fold: int = 0,
    without_test: bool = False,
    phantom_patients: int = 12,
    phantom_grade: str = "easy",
    phantom_seed: int = 0,
) -> list[dict[str, Any]]:
    """Items of one part; without a ``dataset_dir``, of a phantom made for the purpose.

    Args:
        dataset_dir: output folder of ``prepare``; or a raw folder with train/ and test/, which is then checked and
            divided on the fly (a minute for the whole release; a prepared folder takes a second); or None for the
            phantom. For the split "test" a raw folder with test/ alone will do.
        split: training, validation or test.
        phantom_dir: where the phantom is made, once, and found again.
        seed, val_fraction, fold: of the division of a raw folder, see ``split_cases``. A prepared folder is divided
            already.
        without_test: train on a raw folder that has no test/.
        phantom_patients, phantom_grade, phantom_seed: see ``kermany_phantom.write_phantom``.

    Returns:
        Items ``{"image": absolute path, "label": 0 normal or 1 pneumonia, "patient", "subtype", "phantom"}``.

    Raises:
        FileNotFoundError: ``dataset_dir`` is neither; says what was expected and how to make it.
        ConversionError, ValueError: see ``verify_dataset`` and ``read_datalist``.
    """
    if dataset_dir is None or str(dataset_dir) == "":
        from .kermany_phantom import write_phantom

        return phantom_items(
            phantom_dir, split, NAME, VERSION, write_phantom, prepare, phantom_patients, phantom_grade, phantom_seed
        )
    if (Path(dataset_dir) / FILE_NAME).is_file():
        return _untouched_test(read_datalist(dataset_dir, split), split)
    return _untouched_test(_raw_items(Path(dataset_dir), split, seed, val_fraction, fold, without_test), split)


def _raw_items(
    source: Path, split: str, seed: int, val_fraction: float, fold: int, without_test: bool
) -> list[dict[str, Any]]:
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got '{split}'")
    check_split(val_fraction, fold)
    root = root_of(source)
    needed = ("test",) if split == "test" else ("train",) if without_test else ("train", "test")
    folder, duplicates = checked_release(root, needed)
    if split == "test":
        cases = [case for case in folder.good if case.folder == "test"]
    else:
        cases = split_cases(folder.good, duplicates, seed, val_fraction, fold)[split]
    if not cases:
        raise ValueError(f"the '{split}' part of {root} is empty; name another part (--split), or add patients")
    return [read_item(root, item_of(case, root)) for case in cases]


def _untouched_test(items: list[dict[str, Any]], split: str) -> list[dict[str, Any]]:
    """Make sure once more, by the files' places, that nothing of test/ is trained or chosen on."""
    wrong = [item["image"] for item in items if (Path(item["image"]).parts[-3] == "test") != (split == "test")]
    if wrong and split != UNLABELLED:
        raise ValueError(
            f"the {split} part must {'' if split == 'test' else 'not '}consist of images of test/, got {len(wrong)} "
            f"that break this: {wrong[:4]}; prepare the data set again"
        )
    return items
