"""Lung masks of a trained segmentation network, in place of the heuristic ones."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from monai.utils import ensure_tuple_rep
from torch import nn


class NetworkMaskd(MapTransform):
    """Add the mask that a network sees in an image, and whether it saw one.

    Takes the place of ``LungMaskd`` by override of ``lung_mask``. Computed on the CPU and, in training, cached.

    Args:
        keys: the image, (1, H, W) in [0, 1].
        network: (1, 1, *img_size) to logits of the same shape.
        weights: file with its state dictionary.
        img_size: size that the network was trained at.
        mask_key: entry for the mask, (1, H, W) float32 of 0 and 1; the centre of the image where nothing was found.
        ok_key: entry for a bool, False when nothing was found.
        smallest: share of the image below which a mask is none.

    Raises:
        FileNotFoundError: when there are no weights.
    """

    def __init__(
        self,
        keys: KeysCollection,
        network: nn.Module,
        weights: str | Path,
        img_size: int | Sequence[int] = 256,
        mask_key: str = "lung_mask",
        ok_key: str = "lung_mask_ok",
        smallest: float = 0.05,
    ) -> None:
        super().__init__(keys)
        path = Path(weights)
        if not path.is_file():
            raise FileNotFoundError(
                f"no weights of the lung-mask network at {path.absolute()}; name its state dictionary"
            )
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.network = network.eval()
        self.img_size = ensure_tuple_rep(img_size, 2)
        self.mask_key, self.ok_key, self.smallest = mask_key, ok_key, smallest

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the item with mask and verdict."""
        item = dict(data)
        for key in self.key_iterator(item):
            image = item[key].as_tensor() if isinstance(item[key], MetaTensor) else torch.as_tensor(item[key])
            with torch.no_grad():
                small = F.interpolate(image[None].float().cpu(), self.img_size, mode="bilinear", align_corners=False)
                logits = F.interpolate(self.network(small), image.shape[1:], mode="bilinear", align_corners=False)
            mask = (logits[0] > 0).float()
            item[self.ok_key] = bool(mask.mean() >= self.smallest)
            item[self.mask_key] = mask if item[self.ok_key] else centre(mask)
        return item


def centre(mask: torch.Tensor) -> torch.Tensor:
    """Return a mask (1, H, W) of the middle half of each axis."""
    height, width = mask.shape[1:]
    out = torch.zeros_like(mask)
    out[:, height // 4 : height - height // 4, width // 4 : width - width // 4] = 1
    return out
