"""One page of facts about a run, whether it ended well or not: summary.json, config.json and the report."""

from __future__ import annotations

import logging
import math
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events

from ..own_command import own_command
from ..report.run_files import CONFIG, HISTORY, SUMMARY, read_json_lines, write_json

logger = logging.getLogger(__name__)

PACKAGES = ("torch", "monai", "numpy", "pytorch-ignite", "nibabel", "itk", "pydicom")


class RunSummary:
    """Write ``summary.json`` and the report of a run into ``output_dir``, on rank 0.

    ``config.json``, the merged configuration, is written at the start. The summary is written when the engine
    completes, is stopped or fails; ``status`` is ``completed``, ``stopped`` or ``failed`` and ``reason`` says why. A
    run that does nothing because it is finished already leaves the summary as it is.

    Attach it to the engine that the workflow runs: the trainer, or the evaluator when nothing is trained. The best
    metric of a training is that of ``history.jsonl``, so it survives a resume; of an evaluation it is the engine's
    own.

    Args:
        output_dir: the run directory.
        metric: name, in ``engine.state.metrics`` of the evaluator, of the metric to state.
        chosen_by: name of the metric that the epoch of a training is chosen by, as its weights are; higher is better.
            None for ``metric`` itself.
        workflow: ``train``, ``evaluate`` or ``inference``.
        data: the items of the run, which say whether they are phantoms.
        dataset: name of the dataset.
        split: the part of it that is scored.
        device: where the network lies.
        amp: whether, or in which precision, it computed.
        seed: the seed of the run.
        data_fingerprint: what identifies the data; None computes it from ``data``.
        report: build ``report.html`` at the end.

    """

    def __init__(
        self,
        output_dir: str | Path,
        metric: str = "dice",
        chosen_by: str | None = None,
        workflow: str = "train",
        data: Sequence[Mapping[str, Any]] = (),
        dataset: str | None = None,
        split: str | None = None,
        device: Any = None,
        amp: Any = False,
        seed: int | None = None,
        data_fingerprint: str | None = None,
        report: bool = True,
    ) -> None:
        self.output_dir = Path(output_dir)
        self.metric = metric
        self.chosen_by = chosen_by or metric
        self.workflow = workflow
        self.data = data
        self.facts = {"dataset": dataset, "split": split, "device": device, "amp": amp, "seed": seed}
        self.data_fingerprint = data_fingerprint
        self.report = report
        self.bundle, self.config = _running_bundle()
        self.start = time.perf_counter()
        self.begun = self.busy = False

    def attach(self, engine: Engine) -> None:
        """Attach to the engine that the workflow runs."""
        if idist.get_rank() != 0:
            return
        engine.add_event_handler(Events.STARTED, self._begin)
        engine.add_event_handler(Events.ITERATION_STARTED, self._note_work)
        engine.add_event_handler(Events.COMPLETED, self._complete)
        engine.add_event_handler(Events.TERMINATE, self._stop)
        engine.run = self._watched(engine, engine.run)

    def write(self, engine: Engine, status: str, reason: str = "") -> Path:
        """Write the summary as it stands and, when asked for, the report; return the path of the summary."""
        best, metrics = self._results(engine)
        phantom = any(bool(item.get("phantom", False)) for item in self.data)
        content = {
            **self.bundle,
            "workflow": self.workflow,
            "status": status,
            "reason": reason,
            **self.facts,
            "device": _device_name(self.facts["device"]),
            "is_phantom": phantom,
            "metric": {"name": self.metric, **best},
            "metrics": metrics,
            "epochs": engine.state.epoch,
            "iterations": engine.state.iteration,
            "seconds": round(time.perf_counter() - self.start, 3),
            "versions": versions(),
            "data_fingerprint": self._fingerprint(),
        }
        path = write_json(self.output_dir / SUMMARY, content)
        if self.report:
            self._build_report()
        return path

    def _begin(self, engine: Engine) -> None:
        self.start = time.perf_counter()
        self.begun, self.busy = True, False
        if self.config:
            write_json(self.output_dir / CONFIG, self.config)

    def _note_work(self, engine: Engine) -> None:
        self.busy = True

    def _complete(self, engine: Engine) -> None:
        self.write(engine, "completed", getattr(engine.state, "stop_reason", "") or "")

    def _stop(self, engine: Engine) -> None:
        """Write what there is when the run ends early, unless COMPLETED follows and says it better."""
        if self.busy and engine.should_terminate == "skip_completed":
            reason = getattr(engine.state, "stop_reason", "") or "stopped before its end; the same command resumes it"
            self.write(engine, "stopped", reason)

    def _watched(self, engine: Engine, run: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``run`` that writes a summary also when it fails, and raises what it raised."""

        def run_and_record(*args: Any, **kwargs: Any) -> Any:
            try:
                return run(*args, **kwargs)
            except SystemExit:
                raise
            except BaseException as error:
                self._record_failure(engine, error)
                raise

        return run_and_record

    def _record_failure(self, engine: Engine, error: BaseException) -> None:
        """Write a summary of a failed run; whatever goes wrong with that must not hide ``error``.

        A run that was refused before it began leaves the folder as it was: another one may be at work in it.
        """
        if not self.begun:
            return
        try:
            self.write(engine, "failed", f"{type(error).__name__}: {error}")
        except Exception as second:
            logger.warning("No summary of the failed run could be written: %s", second)

    def _results(self, engine: Engine) -> tuple[dict[str, Any], dict[str, float]]:
        """Return the metric of the best epoch, which epoch that is, and all its metrics."""
        if self.workflow != "train":
            metrics = _plain_metrics(engine.state.metrics)
            return {"best": metrics.get(self.metric), "epoch": None}, metrics
        lines = [line for line in read_json_lines(self.output_dir / HISTORY) if line.get("kind") == "validation"]
        known = [line for line in lines if line.get("metrics", {}).get(self.metric) is not None]
        if not known:
            return {"best": None, "epoch": None}, {}
        best = max(known, key=lambda line: line["metrics"].get(self.chosen_by, -math.inf))
        return {"best": best["metrics"][self.metric], "epoch": best["epoch"]}, _plain_metrics(best["metrics"])

    def _fingerprint(self) -> str | None:
        """Return what identifies the data, None when files are missing."""
        if self.data_fingerprint is None and len(self.data):
            from .data_fingerprint import fingerprint

            try:
                self.data_fingerprint = fingerprint(self.data)
            except OSError as error:
                logger.warning("The data has no fingerprint: %s", error)
        return self.data_fingerprint

    def _build_report(self) -> None:
        """Build the report; a run that worked must not fail for want of a picture."""
        try:
            from ..report.report import build_report

            logger.info("report: %s", build_report(self.output_dir))
        except Exception as error:
            again = own_command(f"report {self.output_dir.absolute()}")
            logger.warning("The report could not be built (%s); try: %s", error, again)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on, as far as they are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _running_bundle() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return name and version of the running bundle, and its merged configuration; unknown outside a workflow."""
    from ..bundle.running_config import running_config, running_config_folder, running_metadata

    folder = running_config_folder()
    name = None if folder is None else folder.resolve().parent.name
    return {"bundle": name, "version": running_metadata().get("version")}, running_config()


def _plain_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics that are single numbers, under lower-case names."""
    return {
        name.lower(): float(value)
        for name, value in metrics.items()
        if isinstance(value, (int, float)) or (isinstance(value, torch.Tensor) and value.numel() == 1)
    }


def _device_name(device: Any) -> str | None:
    """Return the device as text, with the name of the GPU."""
    if device is None:
        return None
    kind = torch.device(device)
    if kind.type == "cuda" and torch.cuda.is_available():
        return f"{kind} ({torch.cuda.get_device_name(kind)})"
    return str(kind)
