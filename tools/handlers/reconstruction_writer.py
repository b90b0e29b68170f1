"""Write pictures of what a network with a reconstruction path rebuilds of the scans it is validated on."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from monai.data import MetaTensor
from monai.networks.utils import eval_mode
from torch import nn

from ..report.run_files import RECONSTRUCTIONS, read_json, write_bytes, write_json
from .checkpoints import unwrapped
from .patient_names import file_of, patients_of

if TYPE_CHECKING:
    from ..report.reconstructions import Reconstruction


class ReconstructionWriter:
    """Draw one slice each of the first patients, beside its reconstruction, into ``output_dir/reconstructions``.

    The slice is the one with the largest target (the middle one without a target, or where the label lies on another
    grid). It is rebuilt in evaluation mode by ``network.reconstruct``, so nothing is sampled and no random number is
    drawn. ``reconstructions/index.json`` lists file, patient and mean squared error of each. Attach it to an evaluator
    whose output, after its postprocessing, is a list with ``image`` (C, X, Y, Z) and perhaps ``label`` (1, X, Y, Z);
    with several ranks, rank 0 writes those of its own patients.

    Args:
        network: has ``reconstruct``, like ``networks.aura_vae.AuraVAE``; may be wrapped in DistributedDataParallel.
        inferer: runs a 2D network over a volume (``BodySliceInferer``); what it leaves out is shown as air.
        output_dir: the run directory.
        patients: so many are drawn.
    """

    def __init__(
        self, network: nn.Module, inferer: Callable[..., torch.Tensor], output_dir: str | Path, patients: int = 3
    ) -> None:
        self.network = network
        self.inferer = inferer
        self.folder = Path(output_dir) / RECONSTRUCTIONS
        self.patients = patients
        self.found: list[Reconstruction] = []

    def attach(self, engine: Engine) -> None:
        """Attach to an evaluator.

        Raises:
            TypeError: when the network cannot rebuild an image.
        """
        network = unwrapped(self.network)
        if not callable(getattr(network, "reconstruct", None)):
            raise TypeError(
                f"ReconstructionWriter needs a network with reconstruct(image), {type(network).__name__} has none; "
                "leave it out of the handlers of this network."
            )
        if idist.get_rank() != 0:
            return
        engine.add_event_handler(Events.STARTED, self._forget)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        engine.add_event_handler(Events.COMPLETED, self._write)

    def _forget(self, engine: Engine) -> None:
        self.found = []

    def _collect(self, engine: Engine) -> None:
        outputs = engine.state.output if isinstance(engine.state.output, list) else [engine.state.output]
        names = patients_of(engine.state.batch, len(outputs))
        for output, name in zip(outputs, names, strict=True):
            if len(self.found) < self.patients:
                file = file_of(output["image"]) or f"case {len(self.found)}"
                self.found.append(self._rebuild(name or Path(file).name.split(".")[0], output))

    def _rebuild(self, patient: str, output: dict[str, Any]) -> Reconstruction:
        """Rebuild one slice; the volume around it goes along for networks that see neighbours."""
        from ..report.overlays import axial_picture
        from ..report.reconstructions import Reconstruction

        image = output["image"]
        position = slice_to_show(image, output.get("label"))
        network = unwrapped(self.network)
        reach = getattr(self.inferer, "neighbour_slices", 1) // 2
        first = max(position - reach, 0)
        slab = image[..., first : position + reach + 1]
        plain = slab.as_tensor() if isinstance(slab, MetaTensor) else slab
        with eval_mode(network):
            rebuilt = self.inferer(plain[None].to(next(network.parameters()).device), network.reconstruct)[0]
        channel = reach * image.shape[0]  # the slice itself, its first window
        planes = (plain[:1], rebuilt[channel : channel + 1].clamp(0.0, 1.0))
        planes = (MetaTensor(plane[..., position - first, None].cpu(), affine=image.affine) for plane in planes)
        picture, other = (axial_picture(patient, plane) for plane in planes)
        return Reconstruction(replace(picture, slice_number=position + 1), other.image)

    def _write(self, engine: Engine) -> None:
        """Draw the pictures and remove those of the last validation."""
        from ..report.reconstructions import draw_reconstruction

        for former in read_json(self.folder / "index.json") or []:
            (self.folder / Path(str(former["file"])).name).unlink(missing_ok=True)
        index = []
        for number, item in enumerate(self.found):
            patient = item.picture.patient
            file = f"{number:02d}_{re.sub(r'[^A-Za-z0-9_-]+', '_', patient)[:60]}.png"
            write_bytes(self.folder / file, draw_reconstruction(item))
            index.append({"file": file, "patient": patient, "error": item.error, "kind": "case"})
        write_json(self.folder / "index.json", index)


def slice_to_show(image: torch.Tensor, label: torch.Tensor | None) -> int:
    """Return the slice (C, X, Y, Z) with the largest target, the middle one where that is unknown."""
    if label is not None and label.shape[1:] == image.shape[1:] and bool((label > 0.5).any()):
        return int((label > 0.5).sum(dim=(0, 1, 2)).argmax())
    return image.shape[-1] // 2
