"""Pictures of where a classifier looked: the image, its lung mask and cut, attention and class activation over it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from torch import nn

from ..report.run_files import write_bytes, write_json
from .case_rows import rows_of, short_names
from .checkpoints import unwrapped

ATTENTION = "attention"


class AttentionWriter:
    """Draw the images that went most wrong, and the surest ones that went right, into ``output_dir/attention``.

    Without labels the first images are drawn. ``attention/index.json`` lists file, label, probability and kind of each.
    Only the images that are drawn at the end are kept while the evaluator runs. Rank 0 draws what it has seen.

    Args:
        network: has ``attention_map(x) -> (B, 1, H, W)`` and ``activation_map(x)``, which may give None; wrapped or
            not.
        output_dir: the run directory.
        class_names: of class 0 and class 1.
        wrong: how many of the worst.
        correct: how many of the surest, half of each class.
    """

    def __init__(
        self,
        network: nn.Module,
        output_dir: str | Path,
        class_names: Sequence[str] = ("normal", "pneumonia"),
        wrong: int = 8,
        correct: int = 4,
    ) -> None:
        self.network = unwrapped(network)
        self.folder = Path(output_dir) / ATTENTION
        self.class_names = tuple(class_names)
        half = correct // 2
        self.limits = {"wrong": wrong, "correct_0": correct - half, "correct_1": half, "unlabelled": wrong + correct}
        self.files: list[str | None] = []
        self.kept: dict[str, list[dict[str, Any]]] = {}

    def attach(self, engine: Engine) -> None:
        """Attach to an evaluator."""
        if idist.get_rank() == 0:
            engine.add_event_handler(Events.STARTED, self._forget)
            engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
            engine.add_event_handler(Events.COMPLETED, self._write)

    def _forget(self, engine: Engine) -> None:
        self.kept = {kind: [] for kind in self.limits}
        self.files = []

    def _collect(self, engine: Engine) -> None:
        outputs = engine.state.output
        with_label = bool(outputs) and outputs[0].get("label") is not None
        for row, output in zip(rows_of(engine, with_label), outputs, strict=True):
            row["image"] = output["image"].detach().cpu()
            self.files.append(row["file"])
            self._keep(row)

    def _keep(self, row: dict[str, Any]) -> None:
        """Put an image among those of its kind, the most telling first."""
        label = row.get("label")
        if label is None:
            kind, order = "unlabelled", float(len(self.kept["unlabelled"]))
        else:
            error = abs(label - row["probability"])
            kind, order = ("wrong", -error) if error > 0.5 else (f"correct_{label}", error)
        found = self.kept[kind]
        found.append(row | {"order": order})
        found.sort(key=lambda one: one["order"])
        del found[self.limits[kind] :]

    def _write(self, engine: Engine) -> None:
        from ..report.attention_picture import draw_attention

        for path in self.folder.glob("*.png"):
            path.unlink()
        entries, names = [], short_names(self.files)
        for kind, rows in self.kept.items():
            for row in rows:
                image = row["image"]
                attention, activation = self._maps(image, engine.state.device)
                picture = draw_attention(image, attention, activation, self._title(row))
                name = f"{len(entries):02d}.png"
                write_bytes(self.folder / name, picture)
                facts = {key: row.get(key) for key in ("label", "probability", "subtype")}
                shown = kind.split("_")[0]
                entries.append({"picture": name, "file": names.get(row["file"]), "kind": shown, **facts})
        if entries:
            write_json(self.folder / "index.json", entries)

    def _maps(self, image: torch.Tensor, device: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return attention and, if there is one, class activation of one image, each (H, W)."""
        training = self.network.training
        self.network.eval()
        with torch.no_grad():
            plain = torch.as_tensor(image.as_tensor() if hasattr(image, "as_tensor") else image)
            x = plain[None].to(device).float()
            attention, activation = self.network.attention_map(x), self.network.activation_map(x)
        self.network.train(training)
        return attention[0, 0].cpu(), None if activation is None else activation[0, 0].cpu()

    def _title(self, row: dict[str, Any]) -> str:
        known = "" if row.get("label") is None else f"is {self.class_names[row['label']]}; "
        return f"{known}probability of {self.class_names[1]} {row['probability']:.3f}"
