"""One line of JSON for each training step that was not taken."""

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from monai.data import MetaTensor


class IncidentLog:
    """Appends to ``incidents.jsonl``, a whole line at a time, so that several ranks can share the file.

    Args:
        output_dir: folder of the file; made when the first incident is written.
    """

    def __init__(self, output_dir: str | Path) -> None:
        self.path = Path(output_dir) / "incidents.jsonl"

    def write(self, **values: Any) -> dict[str, Any]:
        """Append one incident and return it as written: NaN and infinities become the strings nan, inf and -inf."""
        incident = {key: _json_value(value) for key, value in values.items()}
        line = json.dumps(incident, allow_nan=False) + "\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)
        return incident


def statistic(tensor: torch.Tensor) -> dict[str, Any]:
    """Number of values that are not finite, and the smallest and largest of those that are (None without any)."""
    values = tensor.detach().float()
    finite = values[torch.isfinite(values)]
    low, high = (finite.min().item(), finite.max().item()) if finite.numel() else (None, None)
    return {"nonfinite": values.numel() - finite.numel(), "values": values.numel(), "min": low, "max": high}


def bad_samples(tensor: torch.Tensor) -> list[int]:
    """Places along the batch axis of a (B, ...) tensor at which some value is not finite."""
    return torch.nonzero(~torch.isfinite(tensor.detach()).flatten(1).all(dim=1)).flatten().tolist()


def file_names(batch: Any) -> list[str]:
    """Names of the files a batch was made of: its ``file`` entry, else what the meta data of its image says."""
    if not isinstance(batch, dict):
        return []
    names = batch.get("file")
    image = batch.get("image")
    if names is None and isinstance(image, MetaTensor):
        names = image.meta.get("filename_or_obj")
    if names is None:
        return []
    return [names] if isinstance(names, str) else [str(name) for name in names]


def slice_numbers(batch: Any) -> list[int]:
    """Slice numbers of a batch: its ``slice`` entry."""
    numbers = batch.get("slice") if isinstance(batch, dict) else None
    if numbers is None:
        return []
    return [int(number) for number in (numbers.flatten().tolist() if isinstance(numbers, torch.Tensor) else numbers)]


def pick(values: Sequence[Any], places: Sequence[int]) -> list[Any]:
    """Values at ``places``; all of them where no place is known or they do not fit."""
    return [values[i] for i in places] if places and max(places) < len(values) else list(values)


def _json_value(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _json_value(item) for key, item in value.items()}
    return value
