"""Score whole volumes patient by patient, the same on every rank, and keep the rows."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine
from ignite.metrics import Metric
from monai.data import MetaTensor
from monai.handlers import from_engine

from ..report.patient_table import OVERLAPS, mean_scores, patient_rows, summarise, to_csv
from ..report.run_files import PATIENTS_CSV, PATIENTS_JSON, write_json, write_text

logger = logging.getLogger(__name__)


class PatientScores(Metric):
    """Dice, IoU, sensitivity, specificity, precision, accuracy and millilitres of each patient and class.

    Use it as the key metric of an evaluator: ``{"val_mean_dice": PatientScores(...)}``. Under that name stands the mean
    Dice over patients (then over classes). The means of all scores stand beside it in ``engine.state.metrics`` under
    their plain names (``dice``, ``iou``, ...), with ``n_patients`` and ``n_empty``. Rows and spread are in
    ``engine.state.patient_scores`` and, on rank 0, in ``patients.csv`` and ``patients.json``. The conventions are those
    of :mod:`tools.report.patient_table`. When no patient has a Dice (no target and no prediction anywhere) the key
    metric is 0, so that it never wins a comparison, and a warning says so.

    Predictions and labels are lists of binary volumes (C, X, Y, Z), one channel a class; the label is a ``MetaTensor``,
    whose affine gives the volume of a voxel and the axis that slices are counted along. Patients are named by
    ``batch["patient"]``, or else by the file of the label or the prediction.

    Args:
        class_names: names of the channels.
        output_dir: where the tables go; None writes none.
        first_channel: channels before this one (1 for a one-hot background) are not scored.
        seed: seed of the bootstrap.
        output_transform: ``engine.state.output`` -> (predictions, labels).

    """

    def __init__(
        self,
        class_names: Sequence[str] = ("target",),
        output_dir: str | Path | None = None,
        first_channel: int = 0,
        seed: int = 0,
        output_transform: Callable = from_engine(["pred", "label"]),  # noqa: B008 (a pure function)
    ) -> None:
        self.class_names = tuple(class_names)
        self.output_dir = None if output_dir is None else Path(output_dir)
        self.first_channel = first_channel
        self.seed = seed
        self.cases: list[dict[str, Any]] = []
        self.rows: list[dict[str, Any]] = []
        super().__init__(output_transform, device="cpu")

    def reset(self) -> None:
        """Forget all patients."""
        self.cases = []
        self.rows = []

    def update(self, output: Sequence[Any]) -> None:
        """Add the volumes of one batch: (predictions, labels) or (predictions, labels, names)."""
        predictions, labels = output[0], output[1]
        names = output[2] if len(output) > 2 else [None] * len(labels)
        for prediction, label, name in zip(predictions, labels, names, strict=True):
            file = file_of(label) or file_of(prediction)
            source = file or f"case_{idist.get_rank()}_{len(self.cases)}"
            patient = str(name) if name else Path(source).name.split(".")[0]
            overlaps = overlap_ml(prediction[self.first_channel :], label[self.first_channel :])
            if len(overlaps) != len(self.class_names):
                raise ValueError(
                    f"PatientScores got {len(overlaps)} channels to score and {len(self.class_names)} class names "
                    f"{list(self.class_names)}: set class_names, or first_channel to leave a background out."
                )
            for class_name, overlap in zip(self.class_names, overlaps, strict=True):
                self.cases.append({"patient": patient, "file": file or patient, "class": class_name, **overlap})

    def iteration_completed(self, engine: Engine) -> None:
        """Score the volumes of the engine's batch."""
        predictions, labels = self._output_transform(engine.state.output)
        self.update((predictions, labels, patients_of(engine.state.batch, len(labels))))

    def compute(self) -> float:
        """Return the mean Dice over patients of all ranks; 0 when nobody has one."""
        self.rows = patient_rows(_from_all_ranks(self.cases))
        dice = mean_scores(self.rows)["dice"]
        if math.isnan(dice):
            logger.warning("No patient has a target or a prediction: the mean Dice has no value and is reported as 0.")
            return 0.0
        return dice

    def completed(self, engine: Engine, name: str) -> None:
        """Put the means into ``engine.state.metrics`` and write the tables."""
        key = self.compute()
        summary = summarise(self.rows, self.seed)
        means = {score: value for score, value in mean_scores(self.rows).items() if math.isfinite(value)}
        engine.state.metrics.update(means)
        engine.state.metrics["n_patients"] = len({row["patient"] for row in self.rows})
        engine.state.metrics["n_empty"] = sum(of_class["n_empty"] for of_class in summary.values())
        engine.state.metrics[name] = key
        engine.state.patient_scores = {"epoch": engine.state.epoch, "rows": self.rows, "summary": summary}
        if self.output_dir is not None and idist.get_rank() == 0:
            write_text(self.output_dir / PATIENTS_CSV, to_csv(self.rows))
            write_json(self.output_dir / PATIENTS_JSON, engine.state.patient_scores)


def overlap_ml(prediction: torch.Tensor, label: torch.Tensor) -> list[dict[str, float]]:
    """Return the volumes in ml of :data:`OVERLAPS` for each channel of two binary volumes (C, X, Y, Z).

    Raises:
        TypeError: when the label carries no affine.
        ValueError: when the two are not on one grid.

    """
    if not isinstance(label, MetaTensor):
        raise TypeError("PatientScores needs a label with an affine (MetaTensor): without it millilitres are unknown.")
    if label.ndim != 4 or prediction.shape != label.shape:
        raise ValueError(
            f"Prediction and label must be volumes (C, X, Y, Z) of one shape, got {tuple(prediction.shape)} and "
            f"{tuple(label.shape)}; restore the prediction with Invertd before it is scored on the original grid."
        )
    affine = torch.as_tensor(label.affine, dtype=torch.float64).cpu()
    voxel_ml = float(torch.linalg.det(affine[:3, :3]).abs()) / 1000.0
    slice_axis = int(affine[2, :3].abs().argmax())
    found = _plain(prediction) > 0.5
    wanted = (_plain(label) > 0.5).to(found.device)
    overlaps = []
    for mask, target in zip(found, wanted, strict=True):
        per_slice = [axis for axis in range(3) if axis != slice_axis]
        of_target, of_mask = target.sum(dim=per_slice), mask.sum(dim=per_slice)
        hit, in_mask, in_target = int((mask & target).sum()), int(of_mask.sum()), int(of_target.sum())
        counts = (
            hit,
            in_mask - hit,
            in_target - hit,
            mask.numel() - in_mask - in_target + hit,
            int(of_mask[of_target == 0].sum()),
        )
        overlaps.append({name: count * voxel_ml for name, count in zip(OVERLAPS, counts, strict=True)})
    return overlaps


def patients_of(batch: Any, count: int) -> list[str | None]:
    """Return the patients of a batch, before or after it was taken apart; None where it does not say."""
    if isinstance(batch, Mapping):
        names = batch.get("patient")
        names = [names] if isinstance(names, str) else list(names or ())
    else:
        names = [item.get("patient") if isinstance(item, Mapping) else None for item in batch]
    return names if len(names) == count else [None] * count


def file_of(volume: torch.Tensor) -> str | None:
    """Return the file that a volume was read from."""
    name = volume.meta.get("filename_or_obj") if isinstance(volume, MetaTensor) else None
    if isinstance(name, (list, tuple)):
        name = name[0] if name else None
    return str(name) if name else None


def _from_all_ranks(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the cases of all ranks, which may have different numbers of them, in one order everywhere."""
    if idist.get_world_size() < 2:
        return cases
    gathered: list[Any] = [None] * idist.get_world_size()
    torch.distributed.all_gather_object(gathered, cases)
    return [case for of_rank in gathered for case in of_rank]


def _plain(volume: torch.Tensor) -> torch.Tensor:
    """Return the tensor without its metadata, which is faster to reduce."""
    return volume.as_tensor() if isinstance(volume, MetaTensor) else volume
