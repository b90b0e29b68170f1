"""Chest X-rays of children, normal or pneumonia (Kermany et al., Cell 2018), for training straight from the JPEGs.

Source: https://doi.org/10.17632/rscbjbr9sj (CC BY 4.0; 5,232 images to train on, 624 to test on), also known as
chest_xray. ``kermany_folder`` says which layout is taken, ``kermany_names`` what the file names say.

Output: ``OUTPUT/datalist.json`` and ``report.txt``, nothing else: no image is copied. datalist.json holds the way from
OUTPUT to SOURCE (``root``) and file names relative to that. Items have ``label`` (0 normal, 1 pneumonia) and
``subtype`` (normal, bacteria, virus, unknown).

test/ is the official test part, whole. train/ and val/ are divided by patient number into training and validation, less
what is also in test/.
"""

import logging
import os
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..own_command import own_command
from .conversion_report import ConversionError, count_problems, problems_text, stop_on_problems, warnings_text
from .datalist import FILE_NAME, SPLITS, UNLABELLED, read_datalist, write_parts
from .datalist_item import read_item
from .dataset_items import phantom_items
from .kermany_duplicates import Duplicates, find_duplicates
from .kermany_folder import XrayFolder, find_root, image_files, read_folder
from .kermany_names import SUBTYPES
from .kermany_split import check_split, item_of, split_cases
from .whole_files import write_text

logger = logging.getLogger(__name__)

NAME = "kermany"
VERSION = "1.0.0"
REPORT = "report.txt"


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
    if output.exists() and not output.is_dir():
        raise NotADirectoryError(f"--output must be a folder, this is a file: {output}")
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
    text = _text(folder, duplicates, data)
    write_text(output / REPORT, text + "\n")
    if not quiet:
        print(text)
    return data


def verify_dataset(
    source: Path, needed: tuple[str, ...] = ("train", "test"), skip_bad: bool = False, quiet: bool = True
) -> tuple[XrayFolder, Duplicates]:
    """Check a raw release before anything is made from it.

    Args:
        source: see ``prepare``.
        needed: folders that must be there with both classes: of train and test.
        skip_bad: let images with problems pass (they are noted); missing folders and classes are never let pass.

    Returns:
        The release and its duplicates.

    Raises:
        ConversionError: listing all problems: missing folders, single classes, images that are unreadable, truncated,
            too small or blank, in the folder of the other class, or with the same pixels under two labels.
        FileNotFoundError, NotADirectoryError: of ``source``.
    """
    root = _root_of(source)
    folder = read_folder(root, needed, quiet)
    duplicates = find_duplicates([case for case in folder.good if case.facts.thumbnail is not None])
    if folder.problems:  # of the folder, which leaving out images does not cure
        raise ConversionError(
            f"{count_problems(folder.problems, folder.cases)} problem(s) in {root}; nothing was written.\n"
            f"{folder.summary}\n{problems_text(folder.problems, folder.cases)}"
        )
    stop_on_problems(root, folder.summary, [], folder.cases, skip_bad)
    return folder, duplicates


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
    root = _root_of(source)
    needed = ("test",) if split == "test" else ("train",) if without_test else ("train", "test")
    if split == "test":  # looked at alone: what is held back must not need what was trained on
        folder, _ = _verified(str(root), needed, _state_of(root))
        cases = [case for case in folder.good if case.folder == "test"]
    else:
        folder, duplicates = _verified(str(root), needed, _state_of(root))
        cases = split_cases(folder.good, duplicates, seed, val_fraction, fold)[split]
    if not cases:
        raise ValueError(f"the '{split}' part of {root} is empty; add patients or choose a larger val_fraction")
    return [read_item(root, item_of(case, root)) for case in cases]


@lru_cache(maxsize=4)
def _verified(root: str, needed: tuple[str, ...], state: int) -> tuple[XrayFolder, Duplicates]:
    """Check a raw folder once a process, though training, validation and test ask for it; anew when files change."""
    logger.info("checking the images in %s", root)
    folder, duplicates = verify_dataset(Path(root), needed)
    logger.info("%s\n%s", folder.summary, duplicates.text())
    return folder, duplicates


def _state_of(root: Path) -> int:
    files = [path for _, _, path in image_files(root, ())[0]]
    return hash(tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files))


def _root_of(source: Path) -> Path:
    root = find_root(source)
    if root is None:
        if source.exists() and not source.is_dir():
            raise NotADirectoryError(f"a folder is needed, this is a file: {source}; unpack the archive first")
        state = "has neither of them" if source.exists() else "does not exist"
        raise FileNotFoundError(
            f"{source.absolute()} {state}; expected there: train/ and test/, each with NORMAL/ and PNEUMONIA/, or the "
            f"{FILE_NAME} that this makes: {own_command(f'prepare {NAME} --source RAW --output DIR')}"
        )
    return root


def _untouched_test(items: list[dict[str, Any]], split: str) -> list[dict[str, Any]]:
    """Make sure once more, by the files' places, that nothing of test/ is trained or chosen on."""
    wrong = [item["image"] for item in items if (Path(item["image"]).parts[-3] == "test") != (split == "test")]
    if wrong and split != UNLABELLED:
        raise ValueError(
            f"the {split} part must {'' if split == 'test' else 'not '}consist of images of test/, got {len(wrong)} "
            f"that break this: {wrong[:4]}; prepare the data set again"
        )
    return items


def _text(folder: XrayFolder, duplicates: Duplicates, data: dict[str, Any]) -> str:
    parts = [f"{NAME}: {folder.summary}"]
    warnings, problems = warnings_text(folder.cases), problems_text(folder.problems, folder.cases)
    if warnings:
        parts.append(f"Look at these:\n{warnings}")
    if problems:
        parts.append(f"Left out ({count_problems(folder.problems, folder.cases)} problem(s)):\n{problems}")
    nameless = sum(not case.xray.known for case in folder.cases)
    if nameless:
        parts.append(f"{nameless} image(s) have names without a patient number: each counts as a patient of its own")
    sizes = [case.facts.size for case in folder.good]
    if sizes:
        low, high = min(sizes, key=min), max(sizes, key=max)
        parts.append(f"sizes from {low[0]} x {low[1]} to {high[0]} x {high[1]} pixels (rows x columns)")
    return "\n".join([*parts, duplicates.text(), _table(data)])


def _table(data: dict[str, Any]) -> str:
    """The numbers one should see: images by part and finding, patient numbers."""
    lines = [f"{'part':<11}{'images':>7}" + "".join(f"{name:>10}" for name in SUBTYPES) + f"{'patient numbers':>17}"]
    for part in SPLITS:
        counts = Counter(item["subtype"] for item in data[part])
        patients = len({item["patient"] for item in data[part]})
        numbers = "".join(f"{counts[name]:>10}" for name in SUBTYPES)
        lines.append(f"{part:<11}{len(data[part]):>7}{numbers}{patients:>17}")
    lines.append(f"divided by patient number, seed {data['seed']}; test/ is the official test part")
    lines.append(f"data fingerprint {data['fingerprint'][:16]}, converter {data['version']}")
    return "\n".join(lines)
