"""Show a two-dimensional network the slices above and below the one it segments (2.5D)."""

from __future__ import annotations

import torch


def neighbour_indices(slices: torch.Tensor, depth: int, count: int) -> torch.Tensor:
    """Return the (N, count) indices of the slices around each of ``slices`` (N); the first and the last are repeated.

    Args:
        slices: indices of the middle slices.
        depth: number of slices in the volume.
        count: slices in one stack, odd: 1 for the slice alone, 3 for one neighbour on each side.

    Raises:
        ValueError: when ``count`` is not a positive odd number.

    """
    if count < 1 or count % 2 == 0:
        raise ValueError(f"neighbour_slices must be a positive odd number of slices (1 = no neighbours), got {count}.")
    around = torch.arange(count, device=slices.device) - count // 2
    return (slices[:, None] + around).clamp_(0, depth - 1)


def stack_neighbours(volume: torch.Tensor, slices: torch.Tensor, count: int) -> torch.Tensor:
    """Return 2.5D stacks (N, count * C, X, Y) of the volume (C, X, Y, Z) around ``slices`` (N), a plain tensor.

    Channels run from the lowest slice to the highest; within a slice they keep the order of the volume.
    """
    indices = neighbour_indices(slices, volume.shape[3], count)
    stacks = volume[..., indices.to(volume.device)].permute(3, 4, 0, 1, 2)
    return stacks.reshape(len(slices), count * volume.shape[0], *volume.shape[1:3])
