"""Image and lung mask as two channels of one tensor, and apart again for transforms that treat them differently."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform


class StackMaskd(MapTransform):
    """Put the mask behind the image: ``image`` (1, H, W) and ``lung_mask`` (1, H, W) become ``image`` (2, H, W).

    The mask leaves the item. Of the metadata the file name alone stays: the scores that come of the image have no
    grid to be restored to, and MONAI Label would try.

    Args:
        keys: of the image.
        mask_key: of its mask.

    Raises:
        ValueError: when image and mask are not one channel each of one size.
    """

    def __init__(self, keys: KeysCollection = "image", mask_key: str = "lung_mask") -> None:
        super().__init__(keys)
        self.mask_key = mask_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the item with one tensor of two channels, float32."""
        item = dict(data)
        mask = torch.as_tensor(item.pop(self.mask_key))
        for key in self.key_iterator(item):
            image = item[key]
            if image.ndim != 3 or image.shape[0] != 1 or image.shape != mask.shape:
                raise ValueError(
                    f"image and mask must have one channel and one size, got {tuple(image.shape)} and "
                    f"{tuple(mask.shape)}; put StackMaskd after the transforms that make them so"
                )
            both = torch.cat([_plain(image).float(), _plain(mask).float()])
            name = image.meta.get("filename_or_obj") if isinstance(image, MetaTensor) else None
            item[key] = MetaTensor(both, meta={} if name is None else {"filename_or_obj": name})
        return item


class SplitMaskd(MapTransform):
    """Undo ``StackMaskd``: ``image`` (2, H, W) becomes ``image`` and ``lung_mask``, (1, H, W) each, plain tensors.

    Args:
        keys: of the stacked image.
        mask_key: where the mask goes.
    """

    def __init__(self, keys: KeysCollection = "image", mask_key: str = "lung_mask") -> None:
        super().__init__(keys)
        self.mask_key = mask_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the item with image and mask apart."""
        item = dict(data)
        for key in self.key_iterator(item):
            both = _plain(item[key])
            item[key], item[self.mask_key] = both[:1], both[1:]
        return item


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.as_tensor() if isinstance(tensor, MetaTensor) else torch.as_tensor(tensor)
