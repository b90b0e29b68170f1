"""Whose volume it is, which file it came from, and whether the size of its voxels is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from monai.data import MetaTensor


def patient_and_file(prediction: torch.Tensor, label: torch.Tensor, name: Any, number: int) -> tuple[str, str]:
    """Return the patient of a volume and the file that tells it from others of the patient.

    Args:
        prediction: may know its file.
        label: may know its file, which then comes first.
        name: of the patient; None names it by the file, or else by rank and ``number``.
        number: tells volumes of one rank apart that have neither.

    """
    file = file_of(label) or file_of(prediction)
    source = file or f"case_{idist.get_rank()}_{number}"
    patient = str(name) if name else Path(source).name.split(".")[0]
    return patient, file or patient


def patients_of(batch: Any, count: int) -> list[str | None]:
    """Return the patients of a batch, before or after it was taken apart; None where it does not say."""
    if isinstance(batch, Mapping):
        names = batch.get("patient")
        names = [names] if isinstance(names, str) else list(names or ())
    else:
        names = [item.get("patient") if isinstance(item, Mapping) else None for item in batch]
    return names if len(names) == count else [None] * count


def spacing_known(batch: Any, count: int) -> list[bool]:
    """Return for each volume of a batch whether its spacing is known: it is, unless the item says that it is not."""
    if isinstance(batch, Mapping):
        known = batch.get("spacing_known", ())
        known = list(known) if isinstance(known, (list, tuple, torch.Tensor)) else [known]
    else:
        known = [item.get("spacing_known", True) if isinstance(item, Mapping) else True for item in batch]
    return [bool(value) for value in known] if len(known) == count else [True] * count


def file_of(volume: torch.Tensor) -> str | None:
    """Return the file that a volume was read from."""
    name = volume.meta.get("filename_or_obj") if isinstance(volume, MetaTensor) else None
    if isinstance(name, (list, tuple)):
        name = name[0] if name else None
    return str(name) if name else None
