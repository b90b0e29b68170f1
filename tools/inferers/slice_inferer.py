"""Segment a volume with a two-dimensional network, slice by slice, without looking at the air around the body."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from monai.data import MetaTensor
from monai.inferers import Inferer

from ..transforms.body_mask import CELL_PIXELS, body_box, body_mask, body_threshold, slice_boxes
from ..transforms.neighbour_slices import neighbour_indices, stack_neighbours
from .window_grid import Window, axis_starts, outer_windows, window_grid

Job = tuple[Window, int]


class BodySliceInferer(Inferer):
    """Run a 2D network over the slices of a volume in windows that are centred on the body.

    One window holds the body in most slices; where the body is larger, windows slide over it and are blended by linear
    weights. Windows are sent to the network's device in batches. Windows without a cell of body (see
    :func:`tools.transforms.body_mask.body_mask`) are skipped, and so is everything beyond the windows: those voxels get
    ``background_logit``. Voxels of the body get the same logits with skipping and without it.

    Args:
        img_size: pixels of a window along X and Y, what the network was trained with.
        batch_size: windows in one forward pass. On a CPU small batches are the fastest (activations stay in the cache).
        neighbour_slices: slices stacked as channels, odd; 1 for the slice alone (see ``stack_neighbours``).
        body_hu: Hounsfield units that divide tissue from air.
        window_hu: the Hounsfield units that 0 and 1 stand for in the first channel of the input.
        skip_outside_body: False runs the network over all of every slice.
        overlap: smallest share of a window that it has in common with the next, where the body needs several.
        background_logit: logit of voxels that the network does not see, for each output channel or one for all.
        progress: show a progress bar over the windows.

    """

    def __init__(
        self,
        img_size: Sequence[int] = (256, 256),
        batch_size: int = 4,
        neighbour_slices: int = 1,
        body_hu: float = -500.0,
        window_hu: Sequence[float] = (-1000.0, 400.0),
        skip_outside_body: bool = True,
        overlap: float = 0.25,
        background_logit: float | Sequence[float] = -20.0,
        progress: bool = False,
    ) -> None:
        super().__init__()
        if len(img_size) != 2 or min(img_size) < 1 or batch_size < 1 or not 0.0 <= overlap < 1.0:
            raise ValueError(
                "BodySliceInferer needs img_size of two positive numbers, batch_size >= 1 and 0 <= overlap < 1, "
                f"got img_size={list(img_size)}, batch_size={batch_size}, overlap={overlap}."
            )
        neighbour_indices(torch.zeros(1, dtype=torch.long), 1, neighbour_slices)
        self.img_size = (int(img_size[0]), int(img_size[1]))
        self.batch_size = batch_size
        self.neighbour_slices = neighbour_slices
        self.threshold = body_threshold((window_hu[0], window_hu[1]), body_hu)
        self.skip_outside_body = skip_outside_body
        self.overlap = overlap
        self.background_logit = background_logit
        self.progress = progress
        self.last_windows = (0, 0)

    def __call__(self, inputs: torch.Tensor, network: Callable, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Return float32 logits (1, out, X, Y, Z) on the device of ``inputs``, with its metadata.

        Args:
            inputs: one volume (1, C, X, Y, Z), windowed to [0, 1], 0 is air. On any device.
            network: maps float32 (N, neighbour_slices * C, *img_size) to logits (N, out, *img_size).
            args: passed to the network.
            kwargs: passed to the network.

        Raises:
            ValueError: when ``inputs`` is not one volume, or the network answers in another shape.

        After the call ``last_windows`` is (windows seen by the network, windows that cover all slices).

        """
        if inputs.ndim != 5 or inputs.shape[0] != 1 or not inputs.numel():
            raise ValueError(
                "BodySliceInferer takes one volume (1, C, X, Y, Z) with voxels in it at a time, got shape "
                f"{tuple(inputs.shape)}; set the batch size of the data loader to 1."
            )
        volume = (inputs.as_tensor() if isinstance(inputs, MetaTensor) else inputs)[0]
        jobs = self._jobs(volume)
        output = torch.empty(0)
        for batch in self._batches(jobs):
            logits = self._forward(volume, batch, network, *args, **kwargs).to(volume.device, torch.float32)
            if not output.numel():
                output = self._background(logits.shape[1], volume, jobs)
            for answer, (window, position) in zip(logits, batch, strict=True):
                self._paste(output[..., position], answer, window)
        return _like(inputs, output[None])

    def _jobs(self, volume: torch.Tensor) -> list[Job]:
        """Return the windows to look at, each with the slice it lies in."""
        plane = (volume.shape[1], volume.shape[2])
        mask = body_mask(volume[0], self.threshold)
        whole = body_box(mask, plane)
        grids: dict[Any, tuple[list[Window], list[Window]]] = {}
        jobs: list[Job] = []
        covering = 0
        for position, box in enumerate(slice_boxes(mask, plane)):
            starts = tuple(map(axis_starts, box or whole, whole, self.img_size, (self.overlap, self.overlap)))
            if starts not in grids:
                grids[starts] = (window_grid(starts, self.img_size), outer_windows(starts, self.img_size, plane))
            inner, outer = grids[starts]
            covering += len(inner) + len(outer)
            if self.skip_outside_body:
                jobs += [(window, position) for window in inner if self._has_body(mask[..., position], window)]
            else:
                jobs += [(window, position) for window in inner + outer]
        self.last_windows = (len(jobs), covering)
        return jobs

    def _has_body(self, cells: torch.Tensor, window: Window) -> bool:
        """Return whether the window holds a cell of the body in its slice."""
        rows, columns = (
            slice(max(start, 0) // CELL_PIXELS, max(-(-(start + length) // CELL_PIXELS), 0))
            for start, length in zip(window.start, self.img_size, strict=True)
        )
        return bool(cells[rows, columns].any())

    def _forward(
        self, volume: torch.Tensor, batch: list[Job], network: Callable, *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        """Return the logits (N, out, *img_size) of a batch of windows, with air where they leave the volume."""
        stacks = []
        for window, position in batch:
            rows, columns, padding = self._cut(window, volume.shape[1:3])
            stack = stack_neighbours(volume[:, rows, columns], torch.tensor([position]), self.neighbour_slices)
            stacks.append(F.pad(stack, padding) if any(padding) else stack)
        inputs = torch.cat(stacks)
        logits = network(inputs.to(_device_of(network, volume), torch.float32), *args, **kwargs)
        if not isinstance(logits, torch.Tensor) or logits.ndim != 4 or tuple(logits.shape[2:]) != self.img_size:
            shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
            raise ValueError(
                f"The network must map (N, {inputs.shape[1]}, {self.img_size[0]}, {self.img_size[1]}) to logits "
                f"(N, out, {self.img_size[0]}, {self.img_size[1]}), got {shape}."
            )
        return logits

    def _background(self, channels: int, volume: torch.Tensor, jobs: list[Job]) -> torch.Tensor:
        """Return the output (out, X, Y, Z) before any window: background, or 0 where blended windows are added."""
        value = torch.as_tensor(self.background_logit, dtype=torch.float32, device=volume.device).expand(channels)
        value = value[:, None, None]
        output = value[..., None].repeat(1, *volume.shape[1:])
        for window, position in jobs:
            if window.share is not None:
                self._paste(output[..., position], (-value).expand(-1, *self.img_size), window)
        return output

    def _paste(self, target: torch.Tensor, logits: torch.Tensor, window: Window) -> None:
        """Write logits (out, *img_size) to the slice ``target`` (out, X, Y); add them where windows share pixels."""
        rows, columns, padding = self._cut(window, target.shape[1:])
        inside = (
            slice(padding[2], padding[2] + rows.stop - rows.start),
            slice(padding[0], padding[0] + columns.stop - columns.start),
        )
        logits = logits[:, *inside]
        if window.share is None:
            target[:, rows, columns] = logits
        else:
            target[:, rows, columns] += logits * window.share[inside].to(logits.device)

    def _cut(self, window: Window, plane: Sequence[int]) -> tuple[slice, slice, tuple[int, int, int, int]]:
        """Return the part of a plane (X, Y) under a window, and the padding in the order of ``F.pad``."""
        cuts, padding = [], []
        for start, length, size in zip(window.start, self.img_size, plane, strict=True):
            first, last = max(start, 0), min(start + length, size)
            cuts.append(slice(first, last))
            padding.append((first - start, start + length - last))
        return cuts[0], cuts[1], (*padding[1], *padding[0])

    def _batches(self, jobs: list[Job]) -> Iterator[list[Job]]:
        """Yield the windows ``batch_size`` at a time, with a bar when ``progress`` is set."""
        starts = range(0, len(jobs), self.batch_size)
        if self.progress:
            from tqdm import tqdm

            starts = tqdm(starts, desc="windows", unit="batch", leave=False)
        for start in starts:
            yield jobs[start : start + self.batch_size]


def _device_of(network: Callable, volume: torch.Tensor) -> torch.device:
    """Return where the network lies: the device of its first parameter, or of the volume when it has none."""
    parameters = getattr(network, "parameters", None)
    first = next(iter(parameters()), None) if callable(parameters) else None
    return volume.device if first is None else first.device


def _like(inputs: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
    """Return ``output`` with the metadata and the applied operations of ``inputs``, which inversion needs."""
    if not isinstance(inputs, MetaTensor):
        return output
    result = MetaTensor(output)
    result.copy_meta_from(inputs)
    result.is_batch = inputs.is_batch
    return result
