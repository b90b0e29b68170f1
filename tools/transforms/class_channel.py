"""Keep the probabilities of one class."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform


class ClassChanneld(MapTransform):
    """Keep one channel of (C, *s) as (1, *s): of two classes that exclude one another the target says it all.

    To be put between ``Activationsd`` and ``Invertd``, which then restores one channel instead of all.

    Args:
        keys: tensors with one channel a class.
        channel: the one to keep.
        allow_missing_keys: pass over keys that an item lacks.

    Raises:
        ValueError: when there is no such channel.
    """

    def __init__(self, keys: KeysCollection, channel: int = 1, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.channel = channel

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        """Return the item with single channels; a MetaTensor keeps what it knows about itself."""
        item = dict(data)
        for key in self.key_iterator(item):
            channels = item[key].shape[0]
            if not 0 <= self.channel < channels:
                raise ValueError(
                    f"{key} has {channels} channel(s), channel {self.channel} was asked for: channels are counted from "
                    "0, and the network must give one for each class"
                )
            item[key] = item[key][self.channel : self.channel + 1]
        return item
