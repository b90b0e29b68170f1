"""A harder division of the Kermany X-rays: the normal images of one series of numbers are not trained on.

Divided by patient, validation is soon saturated. The normal images come in two series, IM and NORMAL2-IM, each with
numbers of its own; here a child or a copy that is in both is not kept apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tools.datasets import kermany
from tools.datasets.kermany_names import read_name

SERIES = "series"  # the name of this fold
HELD_OUT = "normal2-im"


def series(item: dict[str, Any]) -> str:
    """Return the series of numbers an image belongs to; see ``read_name``."""
    path = Path(item["image"])
    return read_name(path.stem, path.parent.name).series


def datalist(dataset_dir: str, split: str, **options: Any) -> list[dict[str, Any]]:
    """Return the training or the validation part of ``kermany.datalist`` with the normal images moved.

    Args:
        dataset_dir: the data set as it comes.
        split: training or validation; the latter has every normal image of ``HELD_OUT`` and no other normal one.
        **options: of ``kermany.datalist``.

    Raises:
        ValueError: another split, or no normal images of both series.
    """
    if split not in ("training", "validation"):
        raise ValueError(f"split must be training or validation, got '{split}'. The test part is left alone here.")
    parts = {part: kermany.datalist(dataset_dir, part, **options) for part in ("training", "validation")}
    normal = [item for items in parts.values() for item in items if item["label"] == 0]
    away = [item for item in normal if series(item) == HELD_OUT]
    stay = [item for item in normal if series(item) != HELD_OUT]
    if not away or not stay:
        raise ValueError(
            f"normal images of {HELD_OUT.upper()} and of another series are needed, got {len(away)} and {len(stay)}. "
            "Name the release whose files are IM-..., NORMAL2-IM-..."
        )
    ill = [item for item in parts[split] if item["label"] == 1]
    return ill + (away if split == "validation" else stay)
