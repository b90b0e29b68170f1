"""Write pictures of the best and the worst patients of an evaluation, or of every scan of an inference."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ignite.distributed as idist
from ignite.engine import Engine, Events

from ..report.patient_table import scores_of
from ..report.run_files import OVERLAYS, read_json, write_bytes, write_json
from .patient_names import file_of, patients_of
from .volume_overlap import overlap_ml

if TYPE_CHECKING:
    from ..report.overlays import Picture


class OverlayWriter:
    """Draw one slice a patient with label and prediction into ``output_dir/overlays``.

    Under ``all_under`` patients all of them are drawn, otherwise the ``best`` and the ``worst`` by Dice. Without labels
    the first ``best + worst`` scans are drawn. ``overlays/index.json`` lists file, patient, Dice and kind of each.
    Attach it to an evaluator whose output, after its postprocessing, is a list with ``image``, ``pred`` and perhaps
    ``label`` (1, X, Y, Z); the image may lie on another grid. With several ranks, attach it on
    each: rank 0 writes for all.

    Args:
        output_dir: the run directory.
        best: pictures of the best patients.
        worst: pictures of the worst patients.
        all_under: fewer patients than this are all shown.
        window_hu: Hounsfield units of 0 and 1 in the image.
        prediction_key: where the binary prediction is.
        channel: the channel of prediction and label to draw.

    """

    def __init__(
        self,
        output_dir: str | Path,
        best: int = 3,
        worst: int = 3,
        all_under: int = 10,
        window_hu: tuple[float, float] = (-1000.0, 400.0),
        prediction_key: str = "pred",
        channel: int = 0,
    ) -> None:
        self.folder = Path(output_dir) / OVERLAYS
        self.best = best
        self.worst = worst
        self.all_under = all_under
        self.window_hu = (float(window_hu[0]), float(window_hu[1]))
        self.prediction_key = prediction_key
        self.channel = channel
        self.pictures: list[Picture] = []
        self.seen = 0

    def attach(self, engine: Engine) -> None:
        """Attach to an evaluator."""
        engine.add_event_handler(Events.STARTED, self._forget)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        engine.add_event_handler(Events.COMPLETED, self._write)

    def _forget(self, engine: Engine) -> None:
        self.pictures, self.seen = [], 0

    def _collect(self, engine: Engine) -> None:
        """Keep a slice of each patient, and of many patients only the extremes."""
        from ..report.overlays import axial_picture

        outputs = engine.state.output if isinstance(engine.state.output, list) else [engine.state.output]
        names = patients_of(engine.state.batch, len(outputs))
        one = slice(self.channel, self.channel + 1)
        for output, name in zip(outputs, names, strict=True):
            prediction, label = output[self.prediction_key][one], output.get("label")
            label = None if label is None else label[one]
            file = file_of(output["image"]) or str(name or f"case {idist.get_rank()}_{self.seen}")
            patient = str(name) if name else Path(file).name.split(".")[0]
            dice = None if label is None else scores_of(overlap_ml(prediction, label)[0])["dice"]
            self.seen += 1
            if label is not None or self.seen <= self.best + self.worst:
                picture = axial_picture(patient, output["image"], label, prediction, dice)
                self.pictures.append(replace(picture, file=file))
        self.pictures = [picture for _, picture in self._chosen(self.pictures, self.seen)]

    def _chosen(self, pictures: list[Picture], seen: int) -> list[tuple[str, Picture]]:
        """Return the pictures to show, worst first, each with its kind."""
        scored = sorted((p for p in pictures if p.dice is not None), key=_rank)
        unscored = [("case", p) for p in pictures if p.dice is None]
        if seen < self.all_under:
            return unscored + [("case", picture) for picture in scored]
        known = [picture for picture in scored if not math.isnan(picture.dice)]
        worst, rest = known[: self.worst], known[self.worst :]
        best = rest[len(rest) - min(self.best, len(rest)) :]
        return unscored + [("worst", picture) for picture in worst] + [("best", picture) for picture in best]

    def _write(self, engine: Engine) -> None:
        """Draw the pictures of all ranks and remove those of a former run."""
        pictures, seen = _from_all_ranks(self.pictures, self.seen)
        if idist.get_rank() != 0:
            return
        from ..report.overlays import draw

        for former in read_json(self.folder / "index.json") or []:
            (self.folder / Path(str(former["file"])).name).unlink(missing_ok=True)
        index: list[Mapping[str, Any]] = []
        for number, (kind, picture) in enumerate(self._chosen(pictures, seen)):
            file = f"{number:02d}_{re.sub(r'[^A-Za-z0-9_-]+', '_', picture.patient)[:60]}.png"
            write_bytes(self.folder / file, draw(picture, self.window_hu))
            index.append({"file": file, "patient": picture.patient, "dice": picture.dice, "kind": kind})
        write_json(self.folder / "index.json", index)


def _rank(picture: Picture) -> tuple[float, str]:
    """Return what to sort by: Dice, with patients that have none at the end."""
    return (math.inf if math.isnan(picture.dice) else picture.dice, picture.patient)


def _from_all_ranks(pictures: list[Picture], seen: int) -> tuple[list[Picture], int]:
    """Return the pictures of all ranks, each scan once, and how many scans they have seen together."""
    gathered = idist.all_gather((pictures, seen))
    once = {(picture.patient, picture.file): picture for of_rank, _ in gathered for picture in of_rank}
    return list(once.values()), sum(count for _, count in gathered)
