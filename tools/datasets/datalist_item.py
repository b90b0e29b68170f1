"""One item of ``datalist.json``: whether it fits its files, and what a configuration gets of it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def item_problems(root: Path, item: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    """What is wrong with one item: entries, places, files, shapes (by header).

    Args:
        root: folder that file names are relative to, resolved; none leads out of it.
        keys: entries that must be files, ``image`` and for all but the unlabelled ``label``. Where the label is the
            number of a class, the image is a picture and the only file.
    """
    who = str(item.get("patient") or item.get("image"))
    of_class = is_class(item.get("label"))
    keys = ["image"] if of_class else keys
    missing = [key for key in (*keys, "patient") if not isinstance(item.get(key), str)]
    if missing:
        needed = ", ".join(keys)
        return [f"{who}: an item needs {needed} and patient, missing: {', '.join(missing)}"]
    problems, shapes = [], {}
    for key in keys:
        path = root / item[key]
        if not path.resolve().is_relative_to(root):
            problems.append(f"{who}: the {key} must lie inside the folder, found {item[key]}")
        elif not path.is_file():
            problems.append(f"{who}: the {key} is missing: {item[key]}")
        else:
            try:
                shapes[key] = _picture_shape(path) if of_class else _volume_shape(path)
            except Exception as error:  # nibabel and Pillow raise many kinds for a damaged file
                kind = "image" if of_class else "NIfTI"
                problems.append(f"{who}: the {key} is no readable {kind} file: {item[key]} ({error})")
    if len(set(shapes.values())) > 1:
        problems.append(f"{who}: image and label must have one shape, found {shapes['image']} and {shapes['label']}")
    return problems


def has_target(item: Mapping[str, Any]) -> bool:
    """Whether the label has a voxel; volumes whose spacing nobody knows have slices but no millilitres."""
    return (item["target_slices"] if item["target_ml"] is None else item["target_ml"]) > 0


def read_item(root: Path, item: Mapping[str, Any]) -> dict[str, Any]:
    """The entries that a configuration gets, see ``read_datalist``."""
    entries: dict[str, Any] = {key: os.path.normpath(root / item[key]) for key in ("image",) if key in item}
    if "label" in item:
        entries["label"] = item["label"] if is_class(item["label"]) else os.path.normpath(root / item["label"])
    entries |= {"patient": item["patient"], "phantom": bool(item.get("phantom", False))}
    if item.get("spacing_mm", True) is None:
        entries["spacing_known"] = False
    return entries | ({"subtype": item["subtype"]} if "subtype" in item else {})


def is_class(label: Any) -> bool:
    """Whether a label is the number of a class instead of a file."""
    return isinstance(label, int) and not isinstance(label, bool)


def _volume_shape(path: Path) -> tuple[int, ...]:
    import nibabel

    return nibabel.load(path).shape


def _picture_shape(path: Path) -> tuple[int, ...]:
    from PIL import Image

    with Image.open(path) as image:
        return image.size
