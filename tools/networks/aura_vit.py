"""AuraViT: a Vision Transformer with ASPP and a gated convolutional decoder for segmentation.

After "StableEnhancedAuraViT" of the LungSeg project: pre-norm transformer, ASPP, residual decoder, attention gates.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ..layers.weight_init import init_weights
from .aura_decoder import AuraDecoder
from .vit_encoder import ViTEncoder


class AuraViT(nn.Module):
    """Segment an image: tokens of four depths, ASPP on the last, four gated skips up to full resolution.

    ``logits = decoder(encoder(x))``; see ``ViTEncoder`` and ``AuraDecoder``.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the image.
        out_channels: one logit per class (sigmoid) and voxel.
        img_size: size of the image in voxels, one number or one an axis; whole patches along each axis. Weights
            learned at one ``img_size`` load into another: only the position embedding is resized.
        patch_size: 4, 8, 16 or 32 voxels, one number or one an axis.
        hidden_size: length of a token.
        mlp_dim: width between the two layers of each perceptron.
        num_layers: number of transformer blocks.
        num_heads: number of heads, a divisor of ``hidden_size``.
        dropout_rate: of the transformer.
        decoder_dropout_rate: of the residual blocks.
        decoder_channels: channels of the decoder stages, coarse first.
        layers_to_skip: after which layers tokens feed the skips. Default: spread evenly, (3, 6, 9, 12) of 12.
        aspp_rates: dilation rates of the ASPP.
        aspp_dropout_rate: of the output of the ASPP.
        dropout: another name of ``dropout_rate``, which it overrides when given (MONAI Label sets it).

    Raises:
        ValueError: when sizes do not fit together; the message gives the nearest that do.

    Example:
        >>> network = AuraViT(img_size=32, patch_size=8, hidden_size=16, mlp_dim=32, num_layers=4, num_heads=2,
        ...                   decoder_channels=(16, 8, 8, 4))
        >>> network(torch.rand(2, 1, 32, 32)).shape
        torch.Size([2, 1, 32, 32])
    """

    def __init__(
        self,
        spatial_dims: int = 2,
        in_channels: int = 1,
        out_channels: int = 1,
        img_size: int | Sequence[int] = (256, 256),
        patch_size: int | Sequence[int] = 16,
        hidden_size: int = 768,
        mlp_dim: int = 3072,
        num_layers: int = 12,
        num_heads: int = 12,
        dropout_rate: float = 0.1,
        decoder_dropout_rate: float = 0.05,
        decoder_channels: Sequence[int] = (512, 256, 128, 64),
        layers_to_skip: Sequence[int] | None = None,
        aspp_rates: Sequence[int] = (6, 12, 18),
        aspp_dropout_rate: float = 0.1,
        dropout: float | None = None,
    ) -> None:
        super().__init__()
        taps = tapped_layers(num_layers, decoder_channels, layers_to_skip)
        self.encoder = ViTEncoder(
            spatial_dims,
            in_channels,
            img_size,
            patch_size,
            hidden_size,
            mlp_dim,
            num_layers,
            num_heads,
            dropout_rate if dropout is None else dropout,
            taps,
        )
        self.decoder = AuraDecoder(
            spatial_dims,
            hidden_size,
            out_channels,
            self.encoder.grid,
            patch_size,
            decoder_channels,
            decoder_dropout_rate,
            aspp_rates,
            aspp_dropout_rate,
        )
        self.apply(init_weights)
        nn.init.xavier_uniform_(self.decoder.out.weight, gain=0.01)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map an image (B, in_channels, *img_size) to logits (B, out_channels, *img_size)."""
        return self.decoder(self.encoder(x))


def tapped_layers(
    num_layers: int, decoder_channels: Sequence[int], layers_to_skip: Sequence[int] | None = None
) -> tuple[int, ...]:
    """Return after which layers tokens feed the skips: ``layers_to_skip``, or ``even_layers`` when that is None.

    Raises:
        ValueError: when there is not one tap for each decoder stage.
    """
    depths = len(decoder_channels)
    taps = even_layers(num_layers, depths) if layers_to_skip is None else tuple(layers_to_skip)
    if len(taps) != depths:
        raise ValueError(
            f"layers_to_skip and decoder_channels must be equally long, got {taps} and {tuple(decoder_channels)}. "
            "Each skip ends in a decoder stage of its own."
        )
    return taps


def even_layers(num_layers: int, depths: int) -> tuple[int, ...]:
    """Spread ``depths`` taps evenly over ``num_layers`` layers, counted from 1: (3, 6, 9, 12) for 12 and 4.

    Raises:
        ValueError: when there are more taps than layers.
    """
    if depths > num_layers:
        raise ValueError(
            f"num_layers must be at least the number of decoder stages, got {num_layers} layers for {depths} stages. "
            f"Use num_layers={depths} or fewer decoder_channels."
        )
    return tuple(num_layers * number // depths for number in range(1, depths + 1))
