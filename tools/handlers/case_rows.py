"""What an evaluator has said about the images of a batch, as one row an image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist
from ignite.engine import Engine
from monai.data import MetaTensor

FACTS = ("patient", "subtype")


def rows_of(engine: Engine, with_label: bool = False) -> list[dict[str, Any]]:
    """Return a row for each image of the batch: ``probability`` of class 1, ``file`` and what the item says of it.

    ``file`` is the whole path; ``short_names`` says what to call it before others.

    The output must have been taken apart (MONAI's evaluators do) and ``pred`` be probabilities (2,).

    Args:
        engine: an evaluator after an iteration.
        with_label: whether there is a ``label``.

    Raises:
        ValueError: for predictions that are no two probabilities.
    """
    outputs = engine.state.output
    items = _items(engine.state.batch, len(outputs))
    rows = []
    for output, item in zip(outputs, items, strict=True):
        probabilities = output["pred"].detach().float().cpu().flatten()
        total = float(probabilities.sum())
        if len(probabilities) != 2 or not abs(total - 1) < 1e-3:
            raise ValueError(
                f"pred must be the probabilities of two classes, got {len(probabilities)} values with the sum "
                f"{total:.3g}; put Activationsd with softmax into postprocessing"
            )
        row: dict[str, Any] = {"file": _file(output.get("image"), item), "probability": float(probabilities[1])}
        row |= {name: item[name] for name in FACTS if item.get(name) is not None}
        if with_label:
            row["label"] = int(output["label"])
        rows.append(row)
    return rows


def all_ranks(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of all ranks, files by their short names, in one order everywhere.

    Images that a sampler has repeated are there once.
    """
    if idist.get_world_size() > 1:
        rows = [row for of_rank in idist.all_gather(rows) for row in of_rank]
        files = {row["file"]: row for row in rows if row["file"]}
        rows = [*files.values(), *(row for row in rows if not row["file"])]
    names = short_names(row["file"] for row in rows)
    rows = [row | {"file": names.get(row["file"])} for row in rows]
    return sorted(rows, key=lambda row: str(row["file"]))


def short_names(files: Iterable[str | None]) -> dict[str, str]:
    """Return the end of each path: folder and name, or as many folders as it takes to tell all of them apart."""
    parts = {file: Path(file).parts for file in files if file}
    depth = 2
    while len({path[-depth:] for path in parts.values()}) < len(set(parts.values())):
        depth += 1
    return {file: "/".join(path[-depth:]) for file, path in parts.items()}


def _items(batch: Any, count: int) -> list[Mapping[str, Any]]:
    """Return the items of a batch, before or after it was taken apart."""
    if not isinstance(batch, Mapping):
        return list(batch)
    columns = {name: batch[name] for name in (*FACTS, "file") if isinstance(batch.get(name), (list, tuple))}
    return [{name: column[number] for name, column in columns.items()} for number in range(count)]


def _file(image: Any, item: Mapping[str, Any]) -> str | None:
    """Return the path of the file that an image was read from."""
    name = image.meta.get("filename_or_obj") if isinstance(image, MetaTensor) else None
    name = name or item.get("file")
    return str(name) if name else None
