"""Raise what scanners pad with to the value of air."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform


class HuFloord(MapTransform):
    """Raise voxels below ``floor_hu`` to it, before any interpolation mixes padding (-2048, -3024) with tissue.

    What is not finite stays so, for a check or a guard further on to find: ``ThresholdIntensityd`` of MONAI would turn
    NaN into air.

    Args:
        keys: volumes in Hounsfield units, of any shape.
        floor_hu: lowest value that is kept.
        allow_missing_keys: pass over keys that an item lacks.

    """

    def __init__(self, keys: KeysCollection, floor_hu: float = -1024.0, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.floor_hu = float(floor_hu)

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        """Return the item with float32 volumes; a MetaTensor keeps what it knows about itself."""
        item = dict(data)
        for key in self.key_iterator(item):
            volume = item[key].to(torch.float32)
            item[key] = volume.clamp(min=self.floor_hu).masked_fill_(torch.isneginf(volume), -torch.inf)
        return item
