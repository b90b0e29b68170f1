"""One item of ``datalist.json``: whether it fits its files, and what a configuration gets of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def item_problems(root: Path, item: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    """What is wrong with one item: entries, places, files, shapes (by header).

    Args:
        root: folder that file names are relative to; none leads out of it.
        keys: entries that must be files, ``image`` and for all but the unlabelled ``label``.
    """
    import nibabel

    who = str(item.get("patient") or item.get("image"))
    missing = [key for key in (*keys, "patient") if not isinstance(item.get(key), str)]
    if missing:
        needed = ", ".join(keys)
        return [f"{who}: an item needs {needed} and patient, missing: {', '.join(missing)}"]
    problems, shapes = [], {}
    for key in keys:
        path = root / item[key]
        if not path.resolve().is_relative_to(root.resolve()):
            problems.append(f"{who}: the {key} must lie inside the folder, found {item[key]}")
        elif not path.is_file():
            problems.append(f"{who}: the {key} is missing: {item[key]}")
        else:
            try:
                shapes[key] = nibabel.load(path).shape
            except Exception as error:  # nibabel raises many kinds for a damaged file
                problems.append(f"{who}: the {key} is no readable NIfTI file: {item[key]} ({error})")
    if len(set(shapes.values())) > 1:
        problems.append(f"{who}: image and label must have one shape, found {shapes['image']} and {shapes['label']}")
    return problems


def has_target(item: Mapping[str, Any]) -> bool:
    """Whether the label has a voxel; volumes whose spacing nobody knows have slices but no millilitres."""
    return (item["target_slices"] if item["target_ml"] is None else item["target_ml"]) > 0


def read_item(root: Path, item: Mapping[str, Any]) -> dict[str, Any]:
    """The entries that a configuration gets, see ``read_datalist``."""
    files = {key: str((root / item[key]).resolve()) for key in ("image", "label") if key in item}
    entries = {**files, "patient": item["patient"], "phantom": bool(item.get("phantom", False))}
    if item.get("spacing_mm", True) is None:
        entries["spacing_known"] = False
    return entries
