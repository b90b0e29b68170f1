"""Lay two-dimensional windows over the body in one slice, and weigh them where they overlap."""

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


def axis_starts(extent: tuple[int, int], whole: tuple[int, int], length: int, overlap: float) -> tuple[int, ...]:
    """Return where windows of ``length`` pixels start along one axis to cover the body of a slice.

    A slice that fits gets one window, as near as possible to the one centred on the body of the volume. Any other gets
    windows spread evenly over the body of the volume, neighbours sharing at least ``overlap`` of their length.

    Args:
        extent: the body in this slice, [start, stop) in pixels.
        whole: the body in all slices.
        length: pixels of a window.
        overlap: in [0, 1).

    """
    if extent[1] - extent[0] <= length:
        return (min(max(centred_start(whole, length), extent[1] - length), extent[0]),)
    size = whole[1] - whole[0]
    count = 1 + math.ceil((size - length) / (length * (1.0 - overlap)))
    return tuple(whole[0] + round(index * (size - length) / (count - 1)) for index in range(count))


def window_grid(starts: tuple[tuple[int, ...], tuple[int, ...]], img_size: tuple[int, int]) -> list[Window]:
    """Return the windows that begin at every pair of ``starts`` along X and Y, with their shares where they overlap."""
    shares = [_ramp(along, length) for along, length in zip(starts, img_size, strict=True)]
    alone = all(len(along) == 1 for along in starts)
    return [
        Window((x, y), None if alone else torch.outer(shares[0][i], shares[1][j]).float())
        for (i, x), (j, y) in product(enumerate(starts[0]), enumerate(starts[1]))
    ]


def outer_windows(
    starts: tuple[tuple[int, ...], tuple[int, ...]], img_size: tuple[int, int], plane: tuple[int, int]
) -> list[Window]:
    """Return windows that cover the rest of a plane without touching a pixel of those at ``starts``."""
    beyond, along = [], []
    for first, length, size in zip(starts, img_size, plane, strict=True):
        end = first[-1] + length
        beyond.append([*range(first[0] - length, -length, -length), *range(end, size, length)])
        along.append([*range(first[0], end, length)])
    corners = [(x, y) for x in beyond[0] for y in along[1] + beyond[1]] + [(x, y) for x in along[0] for y in beyond[1]]
    return [Window(corner, None) for corner in corners]


def _ramp(starts: tuple[int, ...], length: int) -> torch.Tensor:
    """Return the share (len(starts), length) of each window along one axis: linear from edge to middle, sum 1."""
    profile = torch.minimum(torch.arange(1, length + 1), torch.arange(length, 0, -1)).double()
    total = torch.zeros(starts[-1] - starts[0] + length, dtype=torch.float64)
    for start in starts:
        total[start - starts[0] : start - starts[0] + length] += profile
    return torch.stack([profile / total[start - starts[0] : start - starts[0] + length] for start in starts])
