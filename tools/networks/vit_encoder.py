"""Vision Transformer encoder that hands out tokens of several depths.

Dosovitskiy et al., "An Image is Worth 16x16 Words", 2020, https://arxiv.org/abs/2010.11929;
taps as in Hatamizadeh et al., "UNETR", 2021, https://arxiv.org/abs/2103.10504
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ..layers.patch_embedding import PatchEmbedding
from ..layers.transformer_block import TransformerBlock


class ViTEncoder(nn.Module):
    """Patch embedding and ``num_layers`` transformer blocks; each tapped layer has a LayerNorm of its own.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the image.
        img_size: size of the image in voxels.
        patch_size: size of a patch in voxels.
        hidden_size: length of a token.
        mlp_dim: width between the two layers of each perceptron.
        num_layers: number of transformer blocks.
        num_heads: number of heads, a divisor of ``hidden_size``.
        dropout_rate: of the embedding and of every block.
        layers_to_skip: after which layers (counted from 1) tokens are handed out; rising, and ending with
            ``num_layers`` so that no layer is left without a gradient.
        norm_first: pre-norm blocks when true, else post-norm.

    Raises:
        ValueError: when ``layers_to_skip`` does not rise from at least 1 to ``num_layers``.
    """

    def __init__(
        self,
        spatial_dims: int = 2,
        in_channels: int = 1,
        img_size: int | Sequence[int] = (256, 256),
        patch_size: int | Sequence[int] = 16,
        hidden_size: int = 768,
        mlp_dim: int = 3072,
        num_layers: int = 12,
        num_heads: int = 12,
        dropout_rate: float = 0.1,
        layers_to_skip: Sequence[int] = (3, 6, 9, 12),
        norm_first: bool = True,
    ) -> None:
        super().__init__()
        taps = list(layers_to_skip)
        if not taps or taps != sorted(set(taps)) or taps[0] < 1 or taps[-1] != num_layers:
            raise ValueError(
                f"layers_to_skip must rise from at least 1 and end with num_layers={num_layers}, got {taps}. "
                "Leave it out to have the taps spread evenly."
            )
        self.layers_to_skip = taps
        self.embedding = PatchEmbedding(spatial_dims, in_channels, img_size, patch_size, hidden_size, dropout_rate)
        self.grid = self.embedding.grid
        self.layers = nn.ModuleList(
            TransformerBlock(hidden_size, mlp_dim, num_heads, dropout_rate, norm_first) for _ in range(num_layers)
        )
        self.norms = nn.ModuleList(
            nn.LayerNorm(hidden_size) if number in taps else nn.Identity() for number in range(1, num_layers + 1)
        )

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Encode an image.

        Args:
            x: (B, in_channels, *img_size).

        Returns:
            One normalised tensor (B, N, hidden_size) for each of ``layers_to_skip``, shallow first.
        """
        tokens = self.embedding(x)
        taken: list[torch.Tensor] = []
        for number, (layer, norm) in enumerate(zip(self.layers, self.norms)):  # noqa: B905 (TorchScript)
            tokens = layer(tokens)
            if number + 1 in self.layers_to_skip:
                taken.append(norm(tokens))
        return taken
