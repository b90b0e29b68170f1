"""Segment a volume with a two-dimensional network, slice by slice, without looking at the air around the body."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from monai.data import MetaTensor
from monai.inferers import Inferer

from ..transforms.body_mask import CELL_PIXELS, body_box, body_mask, body_threshold
from ..transforms.neighbour_slices import neighbour_indices, stack_neighbours
from .window_grid import Window, window_grid


class BodySliceInferer(Inferer):
    """Run a 2D network over the slices of a volume in windows that are centred on the body.

    One window holds the body in most scans; where the body is larger, windows slide over it and are blended by linear
    weights. Slices are sent to the network's device in batches. Windows without a cell of body (see
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
            network: maps (N, neighbour_slices * C, *img_size) to logits (N, out, *img_size).
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
        for window, slices in self._with_progress(jobs):
            logits = self._forward(volume, window, slices, network, *args, **kwargs).to(volume.device, torch.float32)
            if not output.numel():
                output = self._background(logits.shape[1], volume, jobs)
            self._paste(output, logits, window, slices)
        return _like(inputs, output[None])

    def _jobs(self, volume: torch.Tensor) -> list[tuple[Window, torch.Tensor]]:
        """Return the batches: a window and the indices of at most ``batch_size`` slices to run it on."""
        plane, depth = (volume.shape[1], volume.shape[2]), volume.shape[3]
        mask = body_mask(volume[0], self.threshold)
        box = body_box(mask, plane)
        windows = window_grid(box, plane, self.img_size, self.overlap, whole_plane=not self.skip_outside_body)
        jobs = []
        for window in windows:
            wanted = torch.arange(depth)
            if self.skip_outside_body:
                wanted = wanted[self._has_body(mask, window)]
            jobs += [(window, part) for part in wanted.split(self.batch_size) if len(part)]
        everywhere = window_grid(box, plane, self.img_size, self.overlap, whole_plane=True)
        self.last_windows = (sum(len(slices) for _, slices in jobs), len(everywhere) * depth)
        return jobs

    def _has_body(self, mask: torch.Tensor, window: Window) -> torch.Tensor:
        """Return for each slice (Z) whether the window holds a cell of the body."""
        ranges = [
            slice(max(start, 0) // CELL_PIXELS, max(-(-(start + length) // CELL_PIXELS), 0))
            for start, length in zip(window.start, self.img_size, strict=True)
        ]
        return mask[ranges[0], ranges[1]].any(dim=0).any(dim=0)

    def _forward(
        self, volume: torch.Tensor, window: Window, slices: torch.Tensor, network: Callable, *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        """Return the logits (N, out, *img_size) of one window in the given slices, air where it leaves the volume."""
        rows, columns, padding = self._cut(window, volume)
        stack = stack_neighbours(volume[:, rows, columns], slices, self.neighbour_slices)
        stack = F.pad(stack, padding) if any(padding) else stack
        logits = network(stack.to(_device_of(network, volume)), *args, **kwargs)
        if not isinstance(logits, torch.Tensor) or logits.ndim != 4 or tuple(logits.shape[2:]) != self.img_size:
            shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
            raise ValueError(
                f"The network must map (N, {stack.shape[1]}, {self.img_size[0]}, {self.img_size[1]}) to logits "
                f"(N, out, {self.img_size[0]}, {self.img_size[1]}), got {shape}."
            )
        return logits

    def _background(self, channels: int, volume: torch.Tensor, jobs: list[tuple[Window, torch.Tensor]]) -> torch.Tensor:
        """Return the output (out, X, Y, Z) before any window: background, or 0 where blended windows are added."""
        value = torch.as_tensor(self.background_logit, dtype=torch.float32, device=volume.device).expand(channels)
        output = value[:, None, None, None].repeat(1, *volume.shape[1:])
        for window, slices in jobs:
            if window.share is not None:
                rows, columns, _ = self._cut(window, volume)
                share = self._inside(window, volume).to(volume.device)[None, :, :, None]
                target = output[:, rows, columns]
                target[..., slices] -= share * value[:, None, None, None]
        return output

    def _paste(self, output: torch.Tensor, logits: torch.Tensor, window: Window, slices: torch.Tensor) -> None:
        """Write or, where windows share pixels, add the logits of one window to the output (out, X, Y, Z)."""
        rows, columns, padding = self._cut(window, output)
        height, width = rows.stop - rows.start, columns.stop - columns.start
        kept = logits[:, :, padding[2] : padding[2] + height, padding[0] : padding[0] + width].permute(1, 2, 3, 0)
        target = output[:, rows, columns]
        if window.share is None:
            target[..., slices] = kept
        else:
            target[..., slices] += kept * self._inside(window, output).to(kept.device)[None, :, :, None]

    def _cut(self, window: Window, volume: torch.Tensor) -> tuple[slice, slice, tuple[int, int, int, int]]:
        """Return the part of (C, X, Y, Z) under a window as two slices, and what to pad, in the order of ``F.pad``."""
        cuts, padding = [], []
        for start, length, size in zip(window.start, self.img_size, volume.shape[1:3], strict=True):
            first, last = max(start, 0), min(start + length, size)
            cuts.append(slice(first, last))
            padding.append((first - start, start + length - last))
        return cuts[0], cuts[1], (*padding[1], *padding[0])

    def _inside(self, window: Window, volume: torch.Tensor) -> torch.Tensor:
        """Return the share of the window's pixels that lie in the volume."""
        rows, columns, padding = self._cut(window, volume)
        top, left = padding[2], padding[0]
        return window.share[top : top + rows.stop - rows.start, left : left + columns.stop - columns.start]

    def _with_progress(self, jobs: list[tuple[Window, torch.Tensor]]) -> Iterator[tuple[Window, torch.Tensor]]:
        """Yield the batches, with a bar when ``progress`` is set."""
        if not self.progress:
            yield from jobs
            return
        from tqdm import tqdm

        with tqdm(total=sum(len(slices) for _, slices in jobs), desc="windows", unit="window", leave=False) as bar:
            for window, slices in jobs:
                yield window, slices
                bar.update(len(slices))


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
