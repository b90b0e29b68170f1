"""Score a classifier of two classes image by image, the same on every rank, and keep the rows."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ignite.distributed as idist
from ignite.engine import Engine
from ignite.metrics import Metric

from ..report.class_scores import (
    CLASSES_JSON,
    PREDICTIONS_CSV,
    all_scores,
    arrays,
    check_threshold,
    predictions_csv,
    quick_scores,
    worth,
)
from ..report.run_files import read_json, write_json, write_text
from .case_rows import all_ranks, rows_of
from .resume import TEMPERATURE

logger = logging.getLogger(__name__)


class ClassScores(Metric):
    """ROC AUC, accuracy, sensitivity, specificity, calibration and log-loss of two classes.

    Use it as the key metric of an evaluator: ``{"val_score": ClassScores(...)}``. Under that name stands what the best
    epoch is chosen by (``selection``); all scores stand beside it in ``engine.state.metrics`` under plain names
    (``auc``, ``accuracy``, ...). On rank 0 ``predictions.csv`` and ``classes.json`` are written into ``output_dir``.
    Predictions are probabilities (2,), labels class numbers; patients, subtypes and files are those of the batch.

    When the validation is the best so far, the temperature that calibrates its probabilities is fitted and written
    beside the weights as ``temperature.json``; an evaluation (``detailed``) applies what it finds there.

    Args:
        class_names: of class 0 and class 1; the probability of class 1 is what is scored.
        output_dir: where the tables go; None writes none.
        checkpoint_dir: where ``temperature.json`` is written, or with ``detailed`` read; None for nowhere.
        threshold: from which on a probability means class 1.
        selection: what the best epoch is chosen by, see ``report.class_scores.worth``.
        detailed: bootstrap intervals, and nothing fitted unless no temperature is there.
        seed: of the bootstrap.
    """

    def __init__(
        self,
        class_names: Sequence[str] = ("normal", "pneumonia"),
        output_dir: str | Path | None = None,
        checkpoint_dir: str | Path | None = None,
        threshold: float = 0.5,
        selection: str = "auc",
        detailed: bool = False,
        seed: int = 0,
    ) -> None:
        check_threshold(threshold)
        worth(dict.fromkeys(("auc", "accuracy", "balanced_accuracy", "log_loss"), 0.0), selection, 0)
        self.class_names = tuple(class_names)
        self.output_dir = None if output_dir is None else Path(output_dir)
        self.temperature_file = None if checkpoint_dir is None else Path(checkpoint_dir) / TEMPERATURE
        self.threshold = threshold
        self.selection = selection
        self.detailed = detailed
        self.seed = seed
        self.rows: list[dict[str, Any]] = []
        self.quick: dict[str, float] = {}
        super().__init__(lambda output: output, device="cpu")

    def reset(self) -> None:
        """Forget all images."""
        self.rows = []

    def update(self, output: Sequence[Mapping[str, Any]]) -> None:
        """Add rows with ``label``, ``probability`` and, if known, ``file``, ``patient``, ``subtype``."""
        self.rows += [dict(row) for row in output]

    def iteration_completed(self, engine: Engine) -> None:
        """Score the images of the engine's batch."""
        self.update(rows_of(engine, with_label=True))

    def compute(self) -> float:
        """Return the area under the ROC curve over the images of all ranks; NaN with one class only.

        Raises:
            ValueError: when the images of known patients are of one class: such a split measures nothing.
        """
        self.rows = all_ranks(self.rows)
        labels, probabilities = arrays(self.rows)
        counts = {name: int((labels == number).sum()) for number, name in enumerate(self.class_names)}
        if not all(counts.values()):
            found = ", ".join(f"{count} {name}" for name, count in counts.items())
            if any(row.get("patient") for row in self.rows):
                raise ValueError(
                    f"both classes are needed to score a classifier, this split holds {found}. Take another split, or "
                    "one that was made by patient and class: python -m tools prepare"
                )
            logger.warning("no score can be given: the images to validate on are %s", found)
            self.quick = {}
            return math.nan
        self.quick = quick_scores(labels, probabilities, self.threshold)
        return self.quick["auc"]

    def completed(self, engine: Engine, name: str) -> None:
        """Put the scores into ``engine.state.metrics`` and write the tables."""
        metrics, former = engine.state.metrics, (*self.quick, "temperature", "ece_calibrated")
        key = self.compute()
        for score in former:
            metrics.pop(score, None)  # the engine keeps its metrics: a score without a value must not show the last one
        metrics.update({score: value for score, value in self.quick.items() if math.isfinite(value)})
        metrics["n_images"] = len(self.rows)
        if not self.quick:
            metrics[name] = key
            return
        value = worth(self.quick, self.selection, engine.state.epoch)
        metrics[name] = value
        known = self._temperature() if self.detailed else None
        scores = all_scores(self.rows, self.class_names, self.threshold, known, self.detailed, self.seed)
        if not self.detailed:
            scores["epoch"] = engine.state.epoch
        engine.state.class_scores = scores
        metrics["temperature"] = scores["calibration"]["temperature"]
        metrics["ece_calibrated"] = scores["calibration"]["after"]["ece"]
        if idist.get_rank() == 0:
            if self.detailed:
                self._tell(scores)
            self._write(scores, known, best=value > getattr(engine.state, "best_metric", -1))

    def _temperature(self) -> float | None:
        found = None if self.temperature_file is None else read_json(self.temperature_file)
        return None if found is None else float(found["temperature"])

    def _tell(self, scores: Mapping[str, Any]) -> None:
        """Log the scores that one looks for first, with their intervals."""
        parts = []
        for name in ("auc", "accuracy", "sensitivity", "specificity"):
            found = scores["scores"][name]
            interval = f" [{found['low']:.3f}, {found['high']:.3f}]" if "low" in found else ""
            parts.append(f"{name} {found['value']:.4f}{interval}")
        logger.info("%d images of %d patients: %s", scores["n"], scores["n_patients"], ", ".join(parts))

    def _write(self, scores: Mapping[str, Any], known: float | None, best: bool) -> None:
        if self.output_dir is not None:
            table = predictions_csv(self.rows, self.class_names, self.threshold, known)
            write_text(self.output_dir / PREDICTIONS_CSV, table)
            write_json(self.output_dir / CLASSES_JSON, scores)
        if best and not self.detailed and self.temperature_file is not None:
            fitted = {"temperature": scores["calibration"]["temperature"], "epoch": scores["epoch"], "n": scores["n"]}
            write_json(self.temperature_file, fitted)
