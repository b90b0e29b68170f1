"""Lay two-dimensional windows over the body, and weigh them where they overlap."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import torch

from ..transforms.body_mask import centred_start


@dataclass(frozen=True)
class Window:
    """A window in a plane: where it starts along X and Y (may lie outside), and its share of each pixel.

    ``share`` is (height, width) with values that sum to 1 over all windows that hold a pixel, or None when the window
    has its pixels to itself.
    """

    start: tuple[int, int]
    share: torch.Tensor | None


def axis_starts(extent: tuple[int, int], length: int, overlap: float) -> list[int]:
    """Return where windows of ``length`` pixels start so that they cover ``extent`` [start, stop), evenly spread.

    One window, centred, when it is large enough; otherwise neighbours share at least ``overlap`` of their length.
    """
    size = extent[1] - extent[0]
    if size <= length:
        return [centred_start(extent, length)]
    count = 1 + math.ceil((size - length) / (length * (1.0 - overlap)))
    return [extent[0] + round(index * (size - length) / (count - 1)) for index in range(count)]


def outer_starts(starts: list[int], length: int, size: int) -> list[int]:
    """Return the windows beyond ``starts``, edge to edge and without overlap, that cover the rest of [0, size)."""
    before = range(starts[0] - length, -length, -length)
    after = range(starts[-1] + length, size, length)
    return [*before, *after]


def _ramp(starts: list[int], length: int) -> torch.Tensor:
    """Return the share (len(starts), length) of each window along one axis: linear from edge to middle, sum 1."""
    profile = torch.minimum(torch.arange(1, length + 1), torch.arange(length, 0, -1)).double()
    total = torch.zeros(starts[-1] - starts[0] + length, dtype=torch.float64)
    for start in starts:
        total[start - starts[0] : start - starts[0] + length] += profile
    return torch.stack([profile / total[start - starts[0] : start - starts[0] + length] for start in starts])


def window_grid(
    box: tuple[tuple[int, int], tuple[int, int]],
    plane: tuple[int, int],
    img_size: tuple[int, int],
    overlap: float,
    whole_plane: bool,
) -> list[Window]:
    """Return the windows over the body's ``box``; with ``whole_plane`` also those beyond it, which never overlap them.

    Args:
        box: pixel ranges of the body along X and Y.
        plane: pixels of the slice along X and Y.
        img_size: pixels of a window along X and Y.
        overlap: smallest share of a window that it has in common with its neighbour, in [0, 1).
        whole_plane: cover all of the slice.

    """
    inner = [axis_starts(extent, length, overlap) for extent, length in zip(box, img_size, strict=True)]
    shares = [_ramp(starts, length) for starts, length in zip(inner, img_size, strict=True)]
    alone = all(len(starts) == 1 for starts in inner)
    windows = [
        Window((x, y), None if alone else torch.outer(shares[0][i], shares[1][j]).float())
        for (i, x), (j, y) in product(enumerate(inner[0]), enumerate(inner[1]))
    ]
    if not whole_plane:
        return windows
    outer = [outer_starts(starts, length, size) for starts, length, size in zip(inner, img_size, plane, strict=True)]
    rows = [(x, y) for x in outer[0] for y in _edge_to_edge(inner[1], outer[1], img_size[1])]
    columns = [(x, y) for x in _edge_to_edge(inner[0], [], img_size[0]) for y in outer[1]]
    return windows + [Window(start, None) for start in rows + columns]


def _edge_to_edge(inner: list[int], outer: list[int], length: int) -> list[int]:
    """Return starts without overlap over the stretch of ``inner``, followed by ``outer``."""
    end = inner[-1] + length
    return [*range(inner[0], end, length), *outer]
