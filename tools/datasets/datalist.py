"""``datalist.json``: the one description of a converted data set, written and read here only.

    {"name", "version", "seed", "is_phantom", "fingerprint", "source", "fractions",
     "root", "training": [...], "validation": [...], "test": [...], "unlabelled": [...]}

Each item has ``image`` and ``label``, ``patient``, ``phantom``, ``spacing_mm`` (null when nobody knows it), ``shape``,
``target_ml`` and checksums. Patients, never slices or scans, are divided between the three parts; what has no label is
``unlabelled`` and belongs to none. Where the target is a class, ``label`` is its number, and ``subtype`` may name it
more closely.

File names are relative to ``root``, and ``root`` is relative to the folder of the file: ``.`` where the converter wrote
the volumes, the way to the source where it only listed them (``../Task06_Lung``). So list and source may be moved
together. No file name leads out of ``root``.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .datalist_item import has_target, item_problems, read_item
from .patient_split import SPLITS, split_patients

UNLABELLED = "unlabelled"
FILE_NAME = "datalist.json"


def fingerprint_items(items: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256 over the checksums of all images and labels, whatever their order and split."""
    lines = sorted(f"{item['patient']} {item['sha256']['image']} {item['sha256']['label']}" for item in items)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def write_datalist(
    output: Path,
    cases: Sequence[dict[str, Any]],
    *,
    name: str,
    converter_version: str,
    seed: int = 0,
    val_fraction: float = 0.2,
    test_fraction: float = 0.2,
    source: Mapping[str, Any] | None = None,
    unlabelled: Sequence[dict[str, Any]] = (),
    root: str = ".",
) -> dict[str, Any]:
    """Divide the cases by patient and write ``output/datalist.json`` in one step.

    Args:
        cases: items with relative paths, ``patient``, ``phantom``, ``target_ml`` and ``sha256``.
        source: facts about where the data came from (no absolute paths).
        unlabelled: items without ``label`` and ``target_ml``, for inference.
        root: the way from ``output`` to the folder that file names are relative to.

    Returns:
        What was written.
    """
    fractions = {"validation": val_fraction, "test": test_fraction}
    with_target = {item["patient"] for item in cases if has_target(item)}
    patients = {item["patient"] for item in cases}
    owners = split_patients(patients, fractions, seed, without_target=patients - with_target)
    parts = {part: [item for item in cases if item["patient"] in owners[part]] for part in SPLITS}
    return write_parts(
        output, {**parts, UNLABELLED: list(unlabelled)}, name=name, converter_version=converter_version, seed=seed,
        fractions=fractions, source=source, root=root,
    )  # fmt: skip


def write_parts(
    output: Path,
    parts: Mapping[str, Sequence[dict[str, Any]]],
    *,
    name: str,
    converter_version: str,
    seed: int,
    fractions: Mapping[str, float],
    source: Mapping[str, Any] | None = None,
    root: str = ".",
) -> dict[str, Any]:
    """Write ``output/datalist.json`` for cases that are divided already; arguments as in ``write_datalist``."""
    from .whole_files import write_text

    cases = [item for part in SPLITS for item in parts[part]]
    data: dict[str, Any] = {
        "name": name,
        "version": converter_version,
        "seed": seed,
        "fractions": fractions,
        "is_phantom": any(item["phantom"] for item in cases),
        "fingerprint": fingerprint_items(cases),
        "source": dict(source or {}),
        "root": root,
    }
    for part in (*SPLITS, UNLABELLED):
        data[part] = sorted(parts.get(part, ()), key=lambda item: item["image"])
    write_text(Path(output) / FILE_NAME, json.dumps(data, indent=1) + "\n")
    return data


def read_datalist(dataset_dir: Path | str, split: str) -> list[dict[str, Any]]:
    """Read one part of a converted data set and check all of it.

    Args:
        split: training, validation, test, or unlabelled.

    Returns:
        Items ``{"image": absolute path, "label": absolute path, "patient": str, "phantom": bool}``; the unlabelled have
        no ``label``. Where the spacing is not known, ``"spacing_known": False`` says so: what is computed in mm or ml
        then means nothing.

    Raises:
        FileNotFoundError: there is no datalist.json, or not what it refers to.
        ValueError: the part is unknown or empty, or what ``read_all`` refuses.
    """
    known = (*SPLITS, UNLABELLED)
    if split not in known:
        raise ValueError(f"split must be one of {', '.join(known)}, got '{split}'")
    parts = read_all(Path(dataset_dir))
    if not parts[split]:
        counts = ", ".join(f"{part} {len(items)}" for part, items in parts.items())
        raise ValueError(
            f"the '{split}' part of {Path(dataset_dir) / FILE_NAME} is empty ({counts}); name another "
            "part (--split), or add patients and convert again"
        )
    return parts[split]


def read_all(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Read and check all parts, the unlabelled last; items as ``read_datalist`` gives them.

    Raises:
        FileNotFoundError: there is no datalist.json, or not the folder it refers to.
        ValueError: it is damaged, a patient is in two parts, or files are missing, lie outside the folder or do not fit
            each other; all such cases are listed.
    """
    data = _load(folder)
    root = _root(folder, data)
    problems: list[str] = []
    owners: dict[str, str] = {}
    for part in (*SPLITS, UNLABELLED):
        for item in data[part]:
            problems += item_problems(root, item, ("image",) if part == UNLABELLED else ("image", "label"))
            other = owners.setdefault(str(item.get("patient")), part)
            if other != part:
                problems.append(f"patient {item.get('patient')} is in {other} and in {part}: split by patient")
    if problems:
        listed = "".join(f"\n  - {text}" for text in dict.fromkeys(problems))
        raise ValueError(f"{folder / FILE_NAME} does not fit its files:{listed}\nConvert the data set again.")
    return {part: [read_item(root, item) for item in data[part]] for part in (*SPLITS, UNLABELLED)}


def _load(folder: Path) -> dict[str, Any]:
    path = folder / FILE_NAME
    if not path.is_file():
        raise FileNotFoundError(f"no {FILE_NAME} in {folder}; dataset_dir must be the output folder of a converter")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        data.setdefault(UNLABELLED, [])
        whole = all(isinstance(item, dict) for part in (*SPLITS, UNLABELLED) for item in data[part])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({type(error).__name__}: {error}); convert the data set again") from error
    if not whole:
        raise ValueError(f"{path} is damaged: its parts must be lists of items; convert the data set again")
    return data


def _root(folder: Path, data: Mapping[str, Any]) -> Path:
    """Folder that the file names are relative to."""
    root = folder / str(data.get("root", "."))
    if not root.is_dir():
        raise FileNotFoundError(
            f"{folder / FILE_NAME} lists files of {root.resolve()}, which is not there: it was moved or removed; "
            "put it back, or prepare the data set again"
        )
    return root.resolve()
