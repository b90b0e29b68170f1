"""A CT of simple shapes: 512x512x120 at 0.75 mm, brought to the training spacing of 1.5 mm."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def synthetic_ct(slices: int = 120, air: float = 0.1, size: int = 512, seed: int = 0) -> torch.Tensor:
    """Body, lungs and a tumour in air, windowed from [-1000, 400] HU to [0, 1].

    Args:
        slices: number of slices.
        air: share of slices beyond the body, half at each end.
        size: pixels of a slice before it is halved to the training spacing.
        seed: of the noise.

    Returns:
        (1, 1, size / 2, size / 2, slices).
    """
    generator = torch.Generator().manual_seed(seed)
    axis = torch.linspace(-1, 1, size)
    x, y = torch.meshgrid(axis, axis, indexing="ij")
    body = (x / 0.85).square() + (y / 0.6).square() < 1
    lungs = (((x.abs() - 0.4) / 0.25).square() + (y / 0.4).square()) < 1
    tumour = (x - 0.35).square() + y.square() < 0.01
    plane = torch.full((size, size), -1000.0).masked_fill_(body, 40.0).masked_fill_(lungs, -850.0)
    plane.masked_fill_(tumour, 30.0)
    volume = torch.full((slices, 1, size, size), -1000.0)
    edge = round(slices * air / 2)
    volume[edge : slices - edge] = plane
    volume += 10 * torch.randn(volume.shape, generator=generator)
    halved = F.avg_pool2d(volume, 2).clamp(-1000, 400).add(1000).div(1400)  # (slices, 1, size / 2, size / 2)
    return halved.permute(1, 2, 3, 0)[None].contiguous()
