"""The class of an image, as a number, from what a datalist or an annotation says."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform

CLASS_NAMES = ("normal", "pneumonia")


class ClassLabeld(MapTransform):
    """Replace a label by its class number, a tensor () of int64; see ``class_number``.

    Args:
        keys: of the labels.
        class_names: names of the classes, in order.
        allow_missing_keys: leave items without a label alone.
    """

    def __init__(
        self, keys: KeysCollection, class_names: Sequence[str] = CLASS_NAMES, allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.class_names = tuple(class_names)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the item with numbers for labels."""
        item = dict(data)
        for key in self.key_iterator(item):
            item[key] = torch.tensor(class_number(item[key], self.class_names))
        return item


def item_class(item: Mapping[Hashable, Any]) -> int:
    """Return the class number of an item of a datalist."""
    return class_number(item["label"])


def class_number(label: Any, class_names: Sequence[str] = CLASS_NAMES) -> int:
    """Return the class number of a label.

    A number is taken as it is; a text is a class name, or the path of a JSON file that an annotator left through MONAI
    Label: ``{"label": NAME or NUMBER}``, or scores ``{"prediction": [{"label": NAME, "score": P}, ...]}`` of which the
    largest counts.

    Raises:
        ValueError: naming what is no class.
    """
    if isinstance(label, str | Path):
        label = _from_text(str(label), class_names)
    number = int(label)
    if not 0 <= number < len(class_names):
        raise ValueError(f"a label must be from 0 to {len(class_names) - 1} ({', '.join(class_names)}), got {number}")
    return number


def _from_text(text: str, class_names: Sequence[str]) -> int:
    """Return the number of a class name, of a number as text, or of what a JSON file names."""
    plain = _plain(text, class_names)
    if plain is not None:
        return plain
    path = Path(text)
    wanted = f"the label of an image must be a class ({', '.join(class_names)}), its number, or a JSON file with it"
    if path.suffix != ".json" or not path.is_file():
        raise ValueError(f"{wanted}; got {text}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if "prediction" in content:
            content = max(content["prediction"], key=lambda entry: entry["score"])
        found = _plain(str(content["label"]), class_names)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{wanted}; {text} has none ({type(error).__name__}: {error})") from error
    if found is None:
        raise ValueError(f"{wanted}; {text} says {content['label']}")
    return found


def _plain(text: str, class_names: Sequence[str]) -> int | None:
    if text.lower() in class_names:
        return list(class_names).index(text.lower())
    return int(text) if text.isdigit() else None
