"""Map Hounsfield units to network inputs, one channel a window."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform


class HuWindowsd(MapTransform):
    """Scale (1, X, Y, Z) in HU to (len(windows_hu), X, Y, Z) in [0, 1]: 0 at the lower end of a window, 1 at the upper.

    NaN and infinities become NaN, so that a guard further on finds them: clipping would make an infinite voxel bone.

    Args:
        keys: volumes in Hounsfield units with one channel.
        windows_hu: pairs of lower and upper bound in HU, one output channel each.
        allow_missing_keys: pass over keys that an item lacks.

    Raises:
        ValueError: when a window is not a rising pair, or a volume has more than one channel.

    """

    def __init__(
        self,
        keys: KeysCollection,
        windows_hu: Sequence[Sequence[float]] = ((-1000.0, 400.0),),
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        wrong = [window for window in windows_hu if len(window) != 2 or not window[0] < window[1]]
        if wrong or not windows_hu:
            raise ValueError(f"windows_hu needs pairs [lower, upper] in HU with lower < upper, got {windows_hu}.")
        self.windows_hu = tuple((float(lower), float(upper)) for lower, upper in windows_hu)

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        """Return the item with windowed float32 volumes; a MetaTensor keeps what it knows about itself."""
        item = dict(data)
        for key in self.key_iterator(item):
            volume = item[key]
            if volume.shape[0] != 1:
                raise ValueError(
                    f"HuWindowsd needs one channel of HU under {key!r}, got shape {tuple(volume.shape)}: "
                    "apply it once, after EnsureChannelFirstd."
                )
            volume = volume.to(torch.float32)
            item[key] = torch.cat([_window(volume, *window) for window in self.windows_hu])
        return item


def _window(volume: torch.Tensor, lower: float, upper: float) -> torch.Tensor:
    """Map [lower, upper] HU linearly to [0, 1], clip what lies outside, and keep what is not finite as NaN."""
    scaled = (volume - lower).div_(upper - lower)
    return scaled.clamp_(0.0, 1.0).masked_fill_(torch.isinf(volume), torch.nan)
