"""Tokens of the left and of the right half of a map, cut where the lungs of that very image are divided.

HybridLungViT pools each side of a vertical cut to a grid of tokens. Here the cut is a real number and the pooling an
exact area mean, written as two small matrices an image: no loop over images, nothing resized to the image's size, the
same in TorchScript and ONNX.
"""

from __future__ import annotations

import torch
from torch import nn


def lung_cut(mask: torch.Tensor, narrowest: float = 0.25) -> torch.Tensor:
    """Return where to cut each image, as a fraction of its width: the mean x of the lung mask.

    Args:
        mask: (B, 1, H, W), 0 to 1.
        narrowest: a side is never narrower than this share, too narrow to mean anything.

    Returns:
        (B,) from ``narrowest`` to ``1 - narrowest``, in float32; 0.5 for an empty mask.
    """
    columns = mask.float().sum(dim=(1, 2))  # (B, W)
    width = columns.shape[1]
    centres = (torch.arange(width, device=mask.device, dtype=torch.float32) + 0.5) / width
    area = columns.sum(dim=1)
    mean = (columns * centres).sum(dim=1) / area.clamp(min=1e-6)
    return torch.where(area > 0, mean, torch.full_like(mean, 0.5)).clamp(narrowest, 1.0 - narrowest)


def interval_means(start: torch.Tensor, stop: torch.Tensor, cells: int, length: int) -> torch.Tensor:
    """Return matrices that average a row of pixels over equal cells of an interval.

    Args:
        start: (B,) begin of the interval, as a fraction of the row.
        stop: (B,) its end, larger.
        cells: number of equal cells.
        length: pixels of the row.

    Returns:
        (B, cells, length), each row with the share of each pixel in the mean of a cell; rows sum to 1.
    """
    steps = torch.arange(cells + 1, device=start.device, dtype=torch.float32) / cells
    edges = (start[:, None] + (stop - start)[:, None] * steps) * length  # (B, cells + 1), in pixels
    low, high = edges[:, :-1, None], edges[:, 1:, None]
    pixel = torch.arange(length, device=start.device, dtype=torch.float32)
    overlap = (torch.minimum(high, pixel + 1) - torch.maximum(low, pixel)).clamp(min=0)
    return overlap / (high - low)


class SideTokens(nn.Module):
    """Pool both sides of a cut, and the whole map, to grids of tokens.

    Args:
        rows: tokens along the height.
        columns: tokens along the width of one side; the whole map has as many.

    Example:
        >>> left, right, whole = SideTokens(2, 3)(torch.rand(1, 5, 8, 8), torch.tensor([0.4]))
        >>> left.shape, right.shape, whole.shape
        (torch.Size([1, 6, 5]), torch.Size([1, 6, 5]), torch.Size([1, 6, 5]))
    """

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.rows = rows
        self.columns = columns

    def matrices(
        self, cut: torch.Tensor, height: int, width: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the means over rows (B, rows, height), and over columns (B, columns, width): left, right, whole."""
        zero, one = torch.zeros_like(cut), torch.ones_like(cut)
        down = interval_means(zero, one, self.rows, height)
        left = interval_means(zero, cut, self.columns, width)
        right = interval_means(cut, one, self.columns, width)
        return down, left, right, interval_means(zero, one, self.columns, width)

    def forward(self, maps: torch.Tensor, cut: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Pool maps (B, C, h, w) at cuts (B,): left, right and whole tokens, each (B, rows * columns, C)."""
        down, of_left, of_right, of_whole = self.matrices(cut, maps.shape[2], maps.shape[3])
        pooled = torch.matmul(down[:, None].to(maps.dtype), maps)  # (B, C, rows, w)
        return self.tokens(pooled, of_left), self.tokens(pooled, of_right), self.tokens(pooled, of_whole)

    def tokens(self, pooled: torch.Tensor, across: torch.Tensor) -> torch.Tensor:
        """Average (B, C, rows, w) along the width and lay the grid out as tokens, row by row."""
        grid = torch.matmul(pooled, across[:, None].to(pooled.dtype).transpose(2, 3))  # (B, C, rows, columns)
        return grid.flatten(2).transpose(1, 2)

    def paint(self, left: torch.Tensor, right: torch.Tensor, cut: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """Spread weights of the tokens (B, N) evenly over their cells of an image: a density (B, 1, H, W).

        The sum over the image is that over the tokens.
        """
        down, of_left, of_right, _ = self.matrices(cut, size[0], size[1])
        painted = torch.zeros((cut.shape[0], size[0], size[1]), device=cut.device)
        for weights, across in ((left, of_left), (right, of_right)):
            grid = weights.float().unflatten(1, (self.rows, self.columns))
            painted = painted + down.transpose(1, 2) @ grid @ across
        return painted[:, None]
