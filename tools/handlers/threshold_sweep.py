"""Dice over probability thresholds, per patient and pooled, from one pass over an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events

from ..report.run_files import SWEEP_JSON, write_json
from ..report.threshold_table import threshold_table
from .patient_names import patient_and_file, patients_of
from .volume_overlap import check_classes, check_grids, plain_tensor

THRESHOLDS = tuple(step / 20 for step in range(1, 20))


class ThresholdSweep:
    """Write ``sweep.json``, which the report shows as a curve, into ``output_dir``.

    Attach it to an evaluator whose output holds probabilities on the original grid: ``CopyItemsd`` with
    ``keys="pred", names="prob"`` between ``Invertd`` and ``AsDiscreted`` of the postprocessing makes them. The mask at
    a threshold is ``prob >= threshold``, as ``AsDiscreted`` has it. Each voxel is read once and nothing of the volume
    is kept. With several ranks attach it on each: rank 0 writes for all.

    A threshold is a parameter that is fitted: choose it on the validation part and score it on the test part. The best
    one is stored with the part that it was chosen on, and on ``split="test"`` with a warning.

    Args:
        output_dir: the run directory.
        thresholds: in (0, 1).
        threshold: the one that the run's own masks were cut at; it is swept too.
        split: the part of the data that is evaluated.
        class_names: names of the channels.
        first_channel: channels before this one (1 for a one-hot background) are left out.
        prob_key: probabilities (C, X, Y, Z) in the evaluator's output.
        label_key: binary volumes (C, X, Y, Z) with an affine.
        seed: of the bootstrap.

    Raises:
        ValueError: for thresholds outside (0, 1).

    """

    def __init__(
        self,
        output_dir: str | Path,
        thresholds: Sequence[float] = THRESHOLDS,
        threshold: float = 0.5,
        split: str | None = None,
        class_names: Sequence[str] = ("target",),
        first_channel: int = 0,
        prob_key: str = "prob",
        label_key: str = "label",
        seed: int = 0,
    ) -> None:
        wrong = [value for value in (*thresholds, threshold) if not 0 < value < 1]
        if wrong:
            raise ValueError(f"Thresholds cut probabilities and must be between 0 and 1, got {wrong}.")
        self.output_dir = Path(output_dir)
        self.threshold = float(threshold)
        self.thresholds = sorted({*map(float, thresholds), self.threshold})
        self.split = split
        self.class_names = tuple(class_names)
        self.first_channel = first_channel
        self.prob_key = prob_key
        self.label_key = label_key
        self.seed = seed
        self.cases: list[dict[str, Any]] = []

    def attach(self, engine: Engine) -> None:
        """Attach to an evaluator."""
        engine.add_event_handler(Events.STARTED, self._forget)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        engine.add_event_handler(Events.COMPLETED, self._write)

    def _forget(self, engine: Engine) -> None:
        self.cases = []

    def _collect(self, engine: Engine) -> None:
        """Count the voxels of the engine's batch above each threshold."""
        outputs = engine.state.output if isinstance(engine.state.output, list) else [engine.state.output]
        names = patients_of(engine.state.batch, len(outputs))
        for output, name in zip(outputs, names, strict=True):
            if self.prob_key not in output:
                raise KeyError(
                    f"ThresholdSweep finds no {self.prob_key!r} in the evaluator's output, which has {sorted(output)}: "
                    "copy the probabilities with CopyItemsd before AsDiscreted."
                )
            probability, label = output[self.prob_key][self.first_channel :], output[self.label_key]
            label = label[self.first_channel :]
            check_grids(probability, label)
            check_classes(type(self).__name__, len(label), self.class_names)
            patient, file = patient_and_file(probability, label, name, len(self.cases))
            affine = torch.as_tensor(label.affine, dtype=torch.float64).cpu()
            voxel_ml = float(torch.linalg.det(affine[:3, :3]).abs()) / 1000.0
            for class_name, one, target in zip(self.class_names, probability, label, strict=True):
                counts = counts_above(plain_tensor(one), plain_tensor(target) > 0.5, self.thresholds)
                facts = {"patient": patient, "file": file, "class": class_name, "voxel_ml": voxel_ml}
                self.cases.append({**facts, **counts})

    def _write(self, engine: Engine) -> None:
        """Write the table of all ranks."""
        cases = [case for of_rank in idist.all_gather(self.cases) for case in of_rank]
        if idist.get_rank() == 0:
            facts = {"split": self.split, "threshold": self.threshold, "thresholds": self.thresholds}
            classes = threshold_table(cases, self.thresholds, self.seed)
            write_json(self.output_dir / SWEEP_JSON, {**facts, "classes": classes})


def counts_above(probability: torch.Tensor, target: torch.Tensor, thresholds: Sequence[float]) -> dict[str, Any]:
    """Return ``predicted`` and ``hit``, voxels for each threshold, and ``target``.

    Args:
        probability: (X, Y, Z); NaN is below every threshold, as it is for ``>=``.
        target: boolean (X, Y, Z).
        thresholds: ascending.

    """
    bins = len(thresholds) + 1
    edges = torch.tensor(thresholds, dtype=torch.float32, device=probability.device)
    counts = torch.zeros(2 * bins, dtype=torch.int64, device=probability.device)
    for slab, wanted in zip(probability.float(), target.to(probability.device), strict=True):
        reached = slab >= edges[0]  # few voxels do
        place = torch.bucketize(slab[reached], edges, right=True)  # how many thresholds it reaches
        counts += torch.bincount(place + wanted[reached] * bins, minlength=2 * bins)
    outside, inside = counts.view(2, bins).flip(1).cumsum(1).flip(1)[:, 1:].tolist()
    predicted = [one + other for one, other in zip(outside, inside, strict=True)]
    return {"predicted": predicted, "hit": inside, "target": int(target.sum())}
