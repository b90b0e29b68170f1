"""Cut an image into patches and give each a vector.

Dosovitskiy et al., "An Image is Worth 16x16 Words", 2020, https://arxiv.org/abs/2010.11929
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from monai.networks.layers.factories import Conv
from monai.utils import ensure_tuple_rep
from torch import nn


class PatchEmbedding(nn.Module):
    """``tokens = dropout(flatten(conv(x) + position))``, one token a patch, in C order of the grid.

    The convolution has kernel = stride = ``patch_size``: the paper's linear map of flattened patches. The learned
    position embedding is kept on its grid, ``(1, hidden_size, *grid)``, so weights learned at another ``img_size`` are
    resized (bicubic in 2D, trilinear in 3D) when they are loaded.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the image.
        img_size: size of the image in voxels, one number or one an axis.
        patch_size: size of a patch in voxels, one number or one an axis.
        hidden_size: length of a token.
        dropout_rate: share of token elements dropped, in training only.

    Raises:
        ValueError: when ``img_size`` is not a whole number of patches, with the nearest sizes that are.

    Example:
        >>> PatchEmbedding(2, in_channels=1, img_size=32, patch_size=8, hidden_size=4)(torch.rand(2, 1, 32, 32)).shape
        torch.Size([2, 16, 4])
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        img_size: int | Sequence[int],
        patch_size: int | Sequence[int],
        hidden_size: int,
        dropout_rate: float = 0.0,
    ) -> None:
        super().__init__()
        self.img_size = list(ensure_tuple_rep(img_size, spatial_dims))
        patch = ensure_tuple_rep(patch_size, spatial_dims)
        nearest = tuple(max(1, round(size / step)) * step for size, step in zip(self.img_size, patch, strict=True))
        if tuple(self.img_size) != nearest:
            raise ValueError(
                f"img_size must be a whole number of patches: img_size={tuple(self.img_size)}, patch_size={patch}. "
                f"The nearest valid size is {nearest}."
            )
        self.grid = [size // step for size, step in zip(self.img_size, patch, strict=True)]
        self.projection = Conv[Conv.CONV, spatial_dims](in_channels, hidden_size, kernel_size=patch, stride=patch)
        self.position = nn.Parameter(torch.empty(1, hidden_size, *self.grid))
        nn.init.trunc_normal_(self.position, std=0.02)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map an image (B, in_channels, *img_size) to tokens (B, N, hidden_size)."""
        if not torch.jit.is_tracing() and list(x.shape[2:]) != self.img_size:
            raise ValueError(
                f"this network was built for img_size={self.img_size}, got an image of shape {x.shape}. "
                "Build it with that img_size (weights are resized on loading), or infer in windows of img_size."
            )
        maps = self.projection(x) + self.position  # (B, hidden_size, *grid)
        return self.dropout(maps.flatten(2).transpose(1, 2))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        key = prefix + "position"
        learned = state_dict.get(key)
        same_rank = learned is not None and learned.ndim == self.position.ndim
        if same_rank and learned.shape[:2] == self.position.shape[:2] and learned.shape != self.position.shape:
            mode = "bicubic" if learned.ndim == 4 else "trilinear"
            resized = F.interpolate(learned.float(), size=self.grid, mode=mode, align_corners=False)
            state_dict[key] = resized.to(learned.dtype)  # load_state_dict works on a copy: the caller's stays
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
