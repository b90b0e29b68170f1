"""Score whole volumes patient by patient, the same on every rank, and keep the rows."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine
from ignite.metrics import Metric
from monai.data import MetaTensor
from monai.handlers import from_engine

from ..report.dice_kinds import dice_kinds
from ..report.lesion_summary import lesion_summary
from ..report.patient_table import mean_scores, patient_rows, summarise, to_csv
from ..report.run_files import PATIENTS_CSV, PATIENTS_JSON, write_json, write_text
from .lesion_counts import CONNECTIVITY, lesion_counts
from .patient_names import patient_and_file, patients_of, spacing_known
from .surface_scores import surface_scores
from .volume_overlap import binary_masks, check_classes, overlap_ml

logger = logging.getLogger(__name__)


class PatientScores(Metric):
    """Dice, IoU, sensitivity, specificity, precision, accuracy and millilitres of each patient and class.

    With ``detailed`` also surface Dice, HD95 in mm, volume error in ml, and lesions found, missed and false: seconds
    more for a whole CT, so for an evaluation, not for the validations of a training.

    Use it as the key metric of an evaluator: ``{"val_mean_dice": PatientScores(...)}``. Under that name stands the mean
    Dice over patients (then over classes). The means of all scores stand beside it in ``engine.state.metrics`` under
    their plain names (``dice``, ``iou``, ...), with ``n_patients`` and ``n_empty``; with ``detailed`` also
    ``pooled_dice`` and ``slice_dice``. Rows, spread and the kinds of Dice (:mod:`tools.report.dice_kinds`) are in
    ``engine.state.patient_scores`` and, on rank 0, in ``patients.csv`` and ``patients.json``. The conventions are those
    of :mod:`tools.report.patient_table`. When no patient has a Dice (no target and no prediction anywhere) the key
    metric is 0, so that it never wins a comparison, and a warning says so.

    Predictions and labels are lists of binary volumes (C, X, Y, Z), one channel a class; the label is a ``MetaTensor``,
    whose affine gives the volume of a voxel and the axis that slices are counted along. Patients are named by
    ``batch["patient"]``, or else by the file of the label or the prediction. Where ``batch["spacing_known"]`` is False
    no score in mm or ml is reported.

    Args:
        class_names: names of the channels.
        output_dir: where the tables go; None writes none.
        first_channel: channels before this one (1 for a one-hot background) are not scored.
        seed: seed of the bootstrap.
        output_transform: ``engine.state.output`` -> (predictions, labels).
        detailed: score surfaces, volume errors and lesions as well.
        surface_tolerance_mm: distance that surface Dice still counts as agreement.
        lesion_overlap: share of a lesion that must be predicted for it to be found, and of a predicted one that must
            lie on target for it not to be false.

    Raises:
        ValueError: for a tolerance below 0 or a share outside (0, 1].

    """

    def __init__(
        self,
        class_names: Sequence[str] = ("target",),
        output_dir: str | Path | None = None,
        first_channel: int = 0,
        seed: int = 0,
        output_transform: Callable = from_engine(["pred", "label"]),  # noqa: B008 (a pure function)
        detailed: bool = False,
        surface_tolerance_mm: float = 2.0,
        lesion_overlap: float = 0.1,
    ) -> None:
        if not (surface_tolerance_mm >= 0 and 0 < lesion_overlap <= 1):
            raise ValueError(
                f"surface_tolerance_mm must be 0 or more and lesion_overlap in (0, 1], got {surface_tolerance_mm} and "
                f"{lesion_overlap}."
            )
        self.class_names = tuple(class_names)
        self.output_dir = None if output_dir is None else Path(output_dir)
        self.first_channel = first_channel
        self.seed = seed
        self.detailed = detailed
        self.surface_tolerance_mm = float(surface_tolerance_mm)
        self.lesion_overlap = float(lesion_overlap)
        self.cases: list[dict[str, Any]] = []
        self.gathered: list[dict[str, Any]] = []
        self.rows: list[dict[str, Any]] = []
        super().__init__(output_transform, device="cpu")

    def reset(self) -> None:
        """Forget all patients."""
        self.cases = []
        self.gathered = []
        self.rows = []

    def update(self, output: Sequence[Any]) -> None:
        """Add the volumes of one batch: (predictions, labels), or these with names and whether spacings are known."""
        predictions, labels = output[0], output[1]
        names = output[2] if len(output) > 2 else [None] * len(labels)
        spacings = output[3] if len(output) > 3 else [True] * len(labels)
        for prediction, label, name, known in zip(predictions, labels, names, spacings, strict=True):
            patient, file = patient_and_file(prediction, label, name, len(self.cases))
            prediction, label = prediction[self.first_channel :], label[self.first_channel :]
            overlaps = overlap_ml(prediction, label)
            check_classes(type(self).__name__, len(overlaps), self.class_names)
            details = self._details(prediction, label) if self.detailed else [{}] * len(overlaps)
            for class_name, overlap, detail in zip(self.class_names, overlaps, details, strict=True):
                case = {"patient": patient, "file": file, "class": class_name, **overlap, **detail}
                self.cases.append(case if known else {**case, "spacing_known": False})

    def iteration_completed(self, engine: Engine) -> None:
        """Score the volumes of the engine's batch."""
        predictions, labels = self._output_transform(engine.state.output)
        batch, count = engine.state.batch, len(labels)
        self.update((predictions, labels, patients_of(batch, count), spacing_known(batch, count)))

    def compute(self) -> float:
        """Return the mean Dice over patients of all ranks; 0 when nobody has one."""
        self.gathered = [case for of_rank in idist.all_gather(self.cases) for case in of_rank]
        self.rows = patient_rows(self.gathered)
        dice = mean_scores(self.rows)["dice"]
        if math.isnan(dice):
            logger.warning("No patient has a target or a prediction: the mean Dice has no value and is reported as 0.")
            return 0.0
        return dice

    def completed(self, engine: Engine, name: str) -> None:
        """Put the means into ``engine.state.metrics`` and write the tables."""
        key = self.compute()
        summary = self._summary()
        metrics = engine.state.metrics
        for score, value in {**mean_scores(self.rows), **self._kinds(summary)}.items():
            metrics.pop(score, None)  # the engine keeps its metrics: a score without a value must not show the last one
            if math.isfinite(value):
                metrics[score] = value
        metrics["n_patients"] = len({row["patient"] for row in self.rows})
        metrics["n_empty"] = sum(of_class["n_empty"] for of_class in summary.values())
        metrics[name] = key
        scores = {"epoch": engine.state.epoch, "conventions": self._conventions(), "rows": self.rows}
        engine.state.patient_scores = {**scores, "summary": summary}
        if self.output_dir is not None and idist.get_rank() == 0:
            write_text(self.output_dir / PATIENTS_CSV, to_csv(self.rows))
            write_json(self.output_dir / PATIENTS_JSON, engine.state.patient_scores)

    def _kinds(self, summary: dict[str, Any]) -> dict[str, float]:
        """Return Dice pooled over voxels and Dice per slice, means over classes; NaN where no class has one."""
        if not self.detailed:
            return {}
        found = {}
        for kind, metric in (("pooled", "pooled_dice"), ("per_slice", "slice_dice")):
            values = [of_class["dice_kinds"][kind]["value"] for of_class in summary.values()]
            known = [value for value in values if value is not None]
            found[metric] = sum(known) / len(known) if known else math.nan
        return found

    def _details(self, prediction: torch.Tensor, label: MetaTensor) -> list[dict[str, float]]:
        """Return the detailed scores of each class of one volume."""
        masks = zip(*binary_masks(prediction, label), strict=True)
        return [
            surface_scores(mask, target, label.affine, self.surface_tolerance_mm)
            | lesion_counts(mask, target, self.lesion_overlap)
            for mask, target in masks
        ]

    def _summary(self) -> dict[str, dict[str, Any]]:
        """Return spread, kinds of Dice and, when detailed, lesions of each class."""
        summary, kinds = summarise(self.rows, self.seed), dice_kinds(self.gathered, self.seed)
        for name, of_class in summary.items():
            of_class["dice_kinds"] = kinds[name]
            if self.detailed:
                of_class["lesions"] = lesion_summary([row for row in self.rows if row["class"] == name], self.seed)
        return summary

    def _conventions(self) -> dict[str, Any]:
        """Return what the numbers depend on beside the masks."""
        if not self.detailed:
            return {"detailed": False}
        return {
            "detailed": True,
            "surface_tolerance_mm": self.surface_tolerance_mm,
            "lesion_overlap": self.lesion_overlap,
            "lesion_connectivity": CONNECTIVITY,
        }
