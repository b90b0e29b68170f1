"""A small residual convolutional stem, for training without pretrained weights.

He et al., "Deep Residual Learning for Image Recognition", 2015, https://arxiv.org/abs/1512.03385;
Xiao et al., "Early Convolutions Help Transformers See Better", 2021, https://arxiv.org/abs/2106.14881
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from ..layers.residual_block import ResidualBlock
from ..layers.weight_init import init_weights

logger = logging.getLogger(__name__)

PART = "stem."  # what the names of the stem begin with in the weights of a whole network


class ConvStem(nn.Module):
    """Stages of a strided convolution and residual blocks; each stage halves the map.

    Args:
        features: channels of the stages. The map is ``2 ** len(features)`` times smaller than the image.
        num_blocks: residual blocks of each stage.
        dropout_rate: share of channels dropped within the blocks, in training only.
        weights: None for random ones, or the ``model.pt`` of a network with such a stem, whose stem is taken.

    Raises:
        ValueError: without stages, or without a block; weights of another stem.
        OSError: weights that are no file.

    Example:
        >>> ConvStem(features=(4, 8))(torch.rand(2, 1, 32, 32)).shape
        torch.Size([2, 8, 8, 8])
    """

    def __init__(
        self,
        features: Sequence[int] = (32, 64, 128, 192),
        num_blocks: int = 1,
        dropout_rate: float = 0.0,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        if not features or num_blocks < 1:
            raise ValueError(
                f"a stem needs a stage and a block or more, got features={features}, num_blocks={num_blocks}. Give "
                "features one channel count a stage, for instance [32, 64], and num_blocks 1 or more"
            )
        self.out_channels = features[-1]
        self.reduction = 2 ** len(features)
        layers: list[nn.Module] = []
        before = 1
        for channels in features:
            layers += [
                nn.Conv2d(before, channels, kernel_size=3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
            ]
            layers += [ResidualBlock(2, channels, channels, dropout_rate) for _ in range(num_blocks)]
            before = channels
        self.layers = nn.Sequential(*layers)
        self.apply(init_weights)
        if weights and weights.lower() != "none":
            self._load(weights)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map a grey image (B, 1, H, W) in [0, 1] to features (B, features[-1], h, w).

        Raises:
            ValueError: for an image that is smaller than one pixel of the map.
        """
        if not torch.jit.is_tracing() and min(x.shape[2:]) < self.reduction:
            raise ValueError(
                f"this stem makes an image {self.reduction} times smaller and takes {self.reduction} pixels a side or "
                f"more, got {x.shape[2]} x {x.shape[3]}. Choose a larger img_size, or fewer features."
            )
        return self.layers(2.0 * x - 1.0)

    def _load(self, weights: str) -> None:
        """Fill the stem from the weights of a whole network."""
        if not Path(weights).is_file():
            raise OSError(
                f"no weights of the stem at {weights}: a convolutional stem takes the file model.pt of a network like "
                "this one; pretrained ones by name belong to a DeiT (configs/deit_base.json)"
            )
        state = torch.load(weights, map_location="cpu", weights_only=True)
        found = {name.removeprefix(PART): value for name, value in state.items() if name.startswith(PART)}
        own = self.state_dict()
        wrong = sorted(name for name in {*own, *found} if name not in found or name not in own)
        wrong += sorted(name for name in set(own) & set(found) if own[name].shape != found[name].shape)
        if wrong:
            raise ValueError(
                f"{weights} holds another stem: {len(wrong)} tensors differ, first {wrong[0]}. Name weights of a "
                "network with the same features and num_blocks"
            )
        self.load_state_dict(found)
        logger.info("weights of the stem from %s", weights)
