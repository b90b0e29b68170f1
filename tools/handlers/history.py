"""What happened in each epoch, one JSON line a training epoch and one a validation, and the same in TensorBoard."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from monai.engines import Trainer
from torch.optim import Optimizer

from ..report.run_files import HISTORY, json_lines, read_json_lines, write_text

logger = logging.getLogger(__name__)


class History:
    """Append the epochs of a trainer, or the validations of an evaluator, to ``history.jsonl`` in ``output_dir``.

    Attach one to the trainer and one to the evaluator; rank 0 writes, others do nothing. Losses stay on the device
    until the epoch ends (``engine.state.loss_value``, a number that a guard has fetched, is taken where there is
    one), so that no step waits for the host. A resumed run drops the lines of epochs that it does again; a new one
    starts a new file. An epoch that was resumed within has the numbers of its rest, as ``iterations`` tells.

    A training line holds ``kind="train"``, epoch, iteration, iterations (in this line), lr, loss, loss_min, loss_max
    (of finite losses on rank 0), nonfinite_losses, grad_norm and grad_norm_max (where ``engine.state.grad_norm``
    exists), incidents (in this epoch), seconds, samples_per_second, and the mean of everything that the loss function
    names in ``parts`` (numbers or scalars on the device, set by each call: ``AuraVAELoss``). A validation line holds
    ``kind="validation"``, epoch, seconds and ``metrics`` by name.

    Args:
        output_dir: the run directory.
        optimizer: whose learning rate is noted (the first parameter group).
        tensorboard: write the same values as TensorBoard scalars.

    """

    def __init__(self, output_dir: str | Path, optimizer: Optimizer | None = None, tensorboard: bool = True) -> None:
        self.output_dir = Path(output_dir)
        self.optimizer = optimizer
        self.tensorboard = tensorboard
        self.writer: Any = None
        self.begun = False
        self.losses: list[Any] = []
        self.norms: list[Any] = []
        self.parts: dict[str, list[Any]] = {}
        self.rate: Any = None
        self.samples = 0
        self.incidents = 0
        self.start = self.end = 0.0

    def attach(self, engine: Engine) -> None:
        """Attach to a MONAI trainer, or to any other engine as a validation."""
        if idist.get_rank() != 0:
            return
        engine.add_event_handler(Events.STARTED, self._begin_run)
        engine.add_event_handler(Events.EPOCH_STARTED, self._begin_epoch)
        if isinstance(engine, Trainer):
            engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
            engine.add_event_handler(Events.EPOCH_COMPLETED, self._end_training_epoch)
            for event in (Events.COMPLETED, Events.TERMINATE):
                engine.add_event_handler(event, self._close)
        else:  # run once an epoch: its writer stays open, or each validation would begin another file
            engine.add_event_handler(Events.EPOCH_COMPLETED, self._end_validation)

    def _begin_run(self, engine: Engine) -> None:
        self.begun = False

    def _begin_epoch(self, engine: Engine) -> None:
        """Forget the last epoch; after a start or a resume, drop the lines that will be written anew."""
        if isinstance(engine, Trainer) and not self.begun:
            path = self.output_dir / HISTORY
            kept = [line for line in read_json_lines(path) if line.get("epoch", 0) < engine.state.epoch]
            if path.is_file():  # rewritten as a whole: a killed run may have left half a line to write on to
                write_text(path, json_lines(kept))
        self.begun = True
        self.losses, self.norms, self.parts, self.samples = [], [], {}, 0
        self.incidents = getattr(engine.state, "incidents", 0)
        self.start = self.end = time.perf_counter()

    def _collect(self, engine: Engine) -> None:
        """Remember what one step leaves behind, without fetching it from the device."""
        loss = getattr(engine.state, "loss_value", None)
        loss = _loss_of(engine.state.output) if loss is None else loss
        if loss is not None:
            self.losses.append(loss.detach() if isinstance(loss, torch.Tensor) else loss)
        norm = getattr(engine.state, "grad_norm", None)
        if norm is not None:
            self.norms.append(norm.detach() if isinstance(norm, torch.Tensor) else norm)
        for name, value in getattr(getattr(engine, "loss_function", None), "parts", {}).items():
            self.parts.setdefault(name, []).append(value)
        if self.optimizer is not None:
            # asked here, since a schedule may step before the line is written
            self.rate = self.optimizer.param_groups[0]["lr"]
        self.samples += _size_of(engine.state.batch)
        self.end = time.perf_counter()

    def _end_training_epoch(self, engine: Engine) -> None:
        losses, norms = _finite(self.losses), _finite(self.norms)
        seconds = self.end - self.start
        self._write(
            {
                "kind": "train",
                "epoch": engine.state.epoch,
                "iteration": engine.state.iteration,
                "iterations": len(self.losses),
                "lr": None if self.rate is None else float(self.rate),
                "loss": _mean(losses),
                "loss_min": min(losses, default=None),
                "loss_max": max(losses, default=None),
                "nonfinite_losses": len(self.losses) - len(losses),
                "grad_norm": _mean(norms),
                "grad_norm_max": max(norms, default=None),
                "incidents": getattr(engine.state, "incidents", 0) - self.incidents,
                "seconds": round(seconds, 3),
                "samples_per_second": round(self.samples / seconds, 3) if seconds > 0 else None,
                **{name: _mean(_finite(values)) for name, values in self.parts.items()},
            }
        )

    def _end_validation(self, engine: Engine) -> None:
        metrics = {
            name: float(value)
            for name, value in engine.state.metrics.items()
            if isinstance(value, (int, float)) or (isinstance(value, torch.Tensor) and value.numel() == 1)
        }
        seconds = time.perf_counter() - self.start
        record = {"kind": "validation", "epoch": engine.state.epoch, "seconds": round(seconds, 3), "metrics": metrics}
        self._write(record)

    def _write(self, record: dict[str, Any]) -> None:
        """Append a line to the history and its numbers to TensorBoard."""
        self.output_dir.mkdir(parents=True, exist_ok=True)
        with open(self.output_dir / HISTORY, "a", encoding="utf-8") as file:
            file.write(json_lines([record]))
        writer = self._tensorboard_writer()
        if writer is None:
            return
        values = record.get("metrics", record)
        for name, value in values.items():
            if isinstance(value, (int, float)) and name not in ("epoch", "iteration"):
                writer.add_scalar(f"{record['kind']}/{name}", value, record["epoch"])
        writer.flush()

    def _tensorboard_writer(self) -> Any:
        """Return the TensorBoard writer, made at its first use; None when it is off or not installed."""
        if self.tensorboard and self.writer is None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                logger.warning("TensorBoard is not installed: curves are kept in %s only.", HISTORY)
                self.tensorboard = False
                return None
            self.writer = SummaryWriter(str(self.output_dir / "tensorboard"))
        return self.writer

    def _close(self, engine: Engine) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None


def _loss_of(output: Any) -> Any:
    """Return the loss in an engine's output, before or after it was taken apart."""
    if isinstance(output, (list, tuple)):
        output = output[0] if output else None
    return output.get("loss") if isinstance(output, Mapping) else None


def _size_of(batch: Any) -> int:
    """Return the number of samples in a batch."""
    if isinstance(batch, Mapping):
        batch = batch.get("image", ())
    return len(batch) if hasattr(batch, "__len__") else 0


def _mean(values: list[float]) -> float | None:
    """Return the mean, None of nothing."""
    return math.fsum(values) / len(values) if values else None


def _finite(values: list[Any]) -> list[float]:
    """Return the finite numbers among numbers and scalar tensors, fetched from the device in one go."""
    tensors = [value.float().reshape(()) for value in values if isinstance(value, torch.Tensor)]
    numbers = [float(value) for value in values if not isinstance(value, torch.Tensor)]
    numbers += torch.stack(tensors).tolist() if tensors else []
    return [value for value in numbers if math.isfinite(value)]
