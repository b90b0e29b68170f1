"""Teach a stem to fill in hidden squares of an X-ray before it sees a class.

After Xie et al., "SimMIM: A Simple Framework for Masked Image Modeling", 2021, https://arxiv.org/abs/2111.09886: half
of the squares are replaced by grey, a linear decoder rebuilds the image from the stem's last map, and the absolute
error counts where something was hidden.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import Dataset
from tqdm import trange

HIDDEN = 0.5
GREY = 0.5
BATCH = 32


def hide(images: torch.Tensor, square: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images (B, 1, H, W) with half of their squares grey, and where (same shape, 0 and 1)."""
    rows, columns = (size // square for size in images.shape[2:])
    hidden = (torch.rand(len(images), 1, rows, columns) < HIDDEN).float()
    hidden = hidden.repeat_interleave(square, dim=2).repeat_interleave(square, dim=3)
    return images * (1 - hidden) + GREY * hidden, hidden


def pretrain(stem: nn.Module, dataset: Dataset, epochs: int, square: int = 8, learning_rate: float = 1e-3) -> None:
    """Train a stem in place on the augmented images of a dataset.

    Args:
        stem: (B, 1, H, W) to (B, stem.out_channels, h, w).
        dataset: items with ``image`` (2, H, W), image and lung mask, for keys (epoch, index).
        epochs: passes over the dataset.
        square: pixels of a side of what is hidden.
        learning_rate: at the beginning of a cosine to 0.

    Raises:
        ValueError: for a side that is not whole squares.
    """
    height, width = dataset[0]["image"].shape[1:]
    if height % square or width % square:
        raise ValueError(f"image sides must be multiples of {square}, got {(height, width)}. Change --img_size.")
    with torch.no_grad():
        map_height = stem.eval()(torch.zeros(1, 1, height, width)).shape[2]
    scale = height // map_height
    decoder = nn.Sequential(nn.Conv2d(stem.out_channels, scale**2, kernel_size=1), nn.PixelShuffle(scale))
    parameters = [*stem.parameters(), *decoder.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * (len(dataset) // BATCH))
    stem.train()
    for epoch in trange(epochs, desc="pretrain"):
        order = torch.randperm(len(dataset)).tolist()
        for start in range(0, len(order) - BATCH + 1, BATCH):
            items = [dataset[(epoch, index)] for index in order[start : start + BATCH]]
            images = torch.stack([item["image"][:1] for item in items])
            masked, hidden = hide(images, square)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                rebuilt = decoder(stem(masked))
            error = ((rebuilt.float() - images).abs() * hidden).sum() / hidden.sum()
            optimizer.zero_grad()
            error.backward()
            optimizer.step()
            schedule.step()
