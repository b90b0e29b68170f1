"""The answer of a classifier to a folder of images: one table."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ignite.distributed as idist
from ignite.engine import Engine, Events

from ..report.class_scores import PREDICTIONS_CSV, check_threshold, predictions_csv
from ..report.run_files import read_json, write_text
from .case_rows import all_ranks, rows_of
from .resume import TEMPERATURE

logger = logging.getLogger(__name__)


class ProbabilityWriter:
    """Write ``predictions.csv`` into ``output_dir``: file, probability of each class, prediction.

    Where training left a temperature beside the weights there is a calibrated probability, too.

    Args:
        output_dir: the run directory.
        class_names: of class 0 and class 1.
        threshold: from which on the probability of class 1 means class 1.
        checkpoint_dir: where ``temperature.json`` may be.
    """

    def __init__(
        self,
        output_dir: str | Path,
        class_names: Sequence[str] = ("normal", "pneumonia"),
        threshold: float = 0.5,
        checkpoint_dir: str | Path | None = None,
    ) -> None:
        check_threshold(threshold)
        self.output_dir = Path(output_dir)
        self.class_names = tuple(class_names)
        self.threshold = threshold
        self.temperature_file = None if checkpoint_dir is None else Path(checkpoint_dir) / TEMPERATURE
        self.rows: list[dict[str, Any]] = []

    def attach(self, engine: Engine) -> None:
        """Attach to an evaluator."""
        engine.add_event_handler(Events.STARTED, lambda _: self.rows.clear())
        engine.add_event_handler(Events.ITERATION_COMPLETED, lambda running: self.rows.extend(rows_of(running)))
        engine.add_event_handler(Events.COMPLETED, self._write)

    def _write(self, engine: Engine) -> None:
        rows = all_ranks(self.rows)
        if idist.get_rank() != 0:
            return
        found = None if self.temperature_file is None else read_json(self.temperature_file)
        temperature = None if found is None else float(found["temperature"])
        path = self.output_dir / PREDICTIONS_CSV
        write_text(path, predictions_csv(rows, self.class_names, self.threshold, temperature))
        positive = sum(row["probability"] >= self.threshold for row in rows)
        logger.info("%d of %d image(s) called %s: %s", positive, len(rows), self.class_names[1], path)
