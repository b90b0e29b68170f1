"""The steps that were not taken, in numbers and in words."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine
from monai.utils import CommonKeys as Keys

from .incident_log import IncidentLog, bad_samples, file_names, pick, slice_numbers, statistic

logger = logging.getLogger(__name__)

CAUSES = {
    "image": "the image files hold NaN or Inf, or a transform divides by zero: convert them again or drop them",
    "label": "the label files hold NaN or Inf: convert them again or drop them",
    "logits": "the network's output is not finite: lower the learning rate, or use bfloat16 instead of float16",
    "loss": "the loss overflows: lower the learning rate, or compute the loss in float32",
    "gradient": "the gradients overflow: lower the learning rate, or use bfloat16 or float32 instead of float16",
}
KINDS = tuple(CAUSES)


class Incidents:
    """Counts incidents, equally on all ranks, and writes each on the ranks where something was not finite.

    Args:
        output_dir: folder of ``incidents.jsonl``.

    Attributes:
        total: incidents of the run.
        in_a_row: incidents since the last good micro-batch.
        counts: incidents by kind, on this rank.
    """

    def __init__(self, output_dir: str | Path) -> None:
        self.log = IncidentLog(output_dir)
        self.total = self.in_a_row = 0
        self.counts = dict.fromkeys(KINDS, 0)
        self.recent_files: list[str] = []

    def state_dict(self) -> dict[str, Any]:
        """Counters."""
        return {"incidents": self.total, "in_a_row": self.in_a_row, "counts": dict(self.counts)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Count on from where the saved run was."""
        self.total, self.in_a_row = state["incidents"], state["in_a_row"]
        self.counts = dict.fromkeys(KINDS, 0) | dict(state["counts"])

    def publish(self, engine: Engine) -> None:
        """Leave the total where loggers look for it."""
        engine.state.incidents = engine.state.metrics["incidents"] = self.total

    def add(self, engine: Engine, kinds: Sequence[str], parameters: Sequence[torch.nn.Parameter] = ()) -> None:
        """Count an incident; ``kinds`` is what was not finite on this rank, nothing where it was another one.

        Args:
            engine: its state has the batch, the output and ``loss_value``.
            kinds: of ``KINDS``, the cause first.
            parameters: those whose gradients are to be described.
        """
        self.total += 1
        self.in_a_row += 1
        self.publish(engine)
        if not kinds:
            return
        self.counts[kinds[0]] += 1
        batch, state = engine.state.batch, engine.state
        found = _describe(engine, kinds[0], parameters)
        places = found.pop("samples", [])
        files = pick(file_names(batch), places)
        self.recent_files = [*(name for name in self.recent_files if name not in files), *files][-5:]
        incident = self.log.write(
            epoch=state.epoch, iteration=state.iteration, kind=kinds[0], kinds=list(kinds), rank=state.rank,
            files=files, slices=pick(slice_numbers(batch), places), loss=state.loss_value, in_a_row=self.in_a_row,
            **found,
        )  # fmt: skip
        logger.warning("step skipped: %s", incident)

    def explain(self, limit: int) -> str:
        """Say what happened, why it may have, and what to do."""
        seen = {kind: count for kind, count in self.counts.items() if count}
        causes = "; ".join(f"{kind}: {CAUSES[kind]}" for kind in seen)
        files = ", ".join(self.recent_files) or "unknown (on another rank, or the batch has no 'file' entry)"
        return (
            f"{self.in_a_row} steps in a row were not finite (limit {limit}; {self.total} in the whole run; "
            f"by kind: {seen}). Last files: {files}. Likely causes: {causes}. "
            f"Every incident is in {self.log.path}; the weights are those of the last good step."
        )


def _describe(engine: Engine, kind: str, parameters: Sequence[torch.nn.Parameter]) -> dict[str, Any]:
    output = engine.state.output
    if kind == "gradient":
        grads = [p.grad.detach().flatten() for p in parameters if p.grad is not None]
        return statistic(torch.cat(grads)) | {"grad_norm": engine.state.grad_norm}
    tensor = output[{"image": Keys.IMAGE, "label": Keys.LABEL}.get(kind, Keys.PRED)]
    if isinstance(tensor, Mapping):  # of a network that returns more than its logits in training
        tensor = tensor.get("logits")
    if not isinstance(tensor, torch.Tensor):
        return {}
    return statistic(tensor) | {"samples": bad_samples(tensor)}
