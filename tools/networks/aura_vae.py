"""AuraViT with a variational path: post-norm transformer, a latent vector a token, two decoders, no gates.

After "AuraViT" of the LungSeg project, the experimental ancestor of ``AuraViT`` here; image reconstruction as a
regulariser as in Myronenko, "3D MRI Brain Tumor Segmentation Using Autoencoder Regularization", 2018,
https://arxiv.org/abs/1810.11654
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.layers.factories import Conv
from monai.utils import ensure_tuple_rep
from torch import nn

from ..layers.latent_head import LatentHead, sample
from ..layers.weight_init import init_weights
from .aura_decoder import AuraDecoder, as_map, climb, stage_strides
from .aura_vit import tapped_layers
from .vit_encoder import ViTEncoder


class AuraVAE(nn.Module):
    """Segment an image through a latent vector for each patch, and rebuild the image from those vectors in training.

    ``z = sample(head(tokens[-1]))`` in training and the mean of ``head(tokens[-1])`` in evaluation, so that the same
    image always gives the same logits. ``logits = decoder([*tokens[:-1], z])``, ``reconstruction = rebuild(z)``:
    the reconstruction has no skips and sees nothing but ``z``.

    In training mode the network returns all that ``AuraVAELoss`` needs, in evaluation mode, in TorchScript and ONNX
    the logits alone.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the image, and of its reconstruction.
        out_channels: one logit per class (sigmoid) and voxel.
        img_size: size of the image in voxels, one number or one an axis; whole patches along each axis. Weights
            learned at one ``img_size`` load into another: only the position embedding is resized.
        patch_size: 4, 8, 16 or 32 voxels, one number or one an axis.
        hidden_size: length of a token and of its latent vector.
        mlp_dim: width between the two layers of each perceptron.
        num_layers: number of transformer blocks.
        num_heads: number of heads, a divisor of ``hidden_size``.
        dropout_rate: of the transformer.
        decoder_dropout_rate: of the residual blocks of both decoders.
        decoder_channels: channels of the stages of both decoders, coarse first.
        layers_to_skip: after which layers tokens feed the skips, the last through the latent vector. Default: spread
            evenly, (3, 6, 9, 12) of 12.
        aspp_rates: dilation rates of the ASPP.
        aspp_dropout_rate: of the output of the ASPP.
        log_variance_bound: largest size of a log-variance, see ``LatentHead``.
        dropout: another name of ``dropout_rate``, which it overrides when given (MONAI Label sets it).

    Raises:
        ValueError: when sizes do not fit together; the message gives the nearest that do.

    Example:
        >>> network = AuraVAE(img_size=32, patch_size=8, hidden_size=16, mlp_dim=32, num_layers=4, num_heads=2,
        ...                   decoder_channels=(16, 8, 8, 4))
        >>> sorted(network(torch.rand(2, 1, 32, 32)))
        ['image', 'log_variance', 'logits', 'mean', 'reconstruction']
        >>> network.eval()(torch.rand(2, 1, 32, 32)).shape
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
        log_variance_bound: float = 10.0,
        dropout: float | None = None,
    ) -> None:
        super().__init__()
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
            tapped_layers(num_layers, decoder_channels, layers_to_skip),
            norm_first=False,
        )
        self.latent = LatentHead(hidden_size, log_variance_bound)
        widths = list(decoder_channels)
        strides = stage_strides(ensure_tuple_rep(patch_size, spatial_dims), len(widths))
        self.rebuild = nn.Sequential(
            *climb(spatial_dims, hidden_size, widths, strides, decoder_dropout_rate),
            Conv[Conv.CONV, spatial_dims](widths[-1], in_channels, kernel_size=1),
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
            gated=False,
        )
        self.apply(init_weights)
        self.latent.init_weights()
        nn.init.xavier_uniform_(self.decoder.out.weight, gain=0.01)

    def forward(self, x: torch.Tensor) -> torch.Tensor | dict[str, torch.Tensor]:
        """Map an image (B, in_channels, *img_size) to logits (B, out_channels, *img_size).

        In training mode, a dictionary of ``logits``; ``reconstruction`` and the ``image`` it is compared with, both
        (B, in_channels, *img_size); ``mean`` and ``log_variance`` (B, N, hidden_size), float32.
        """
        if not torch.jit.is_scripting():  # on its own: TorchScript then compiles nothing below it
            if self.training:
                return self.forward_training(x)
        tokens = self.encoder(x)
        return self.decoder(tokens[:-1] + [self.latent.mean(tokens[-1])])

    @torch.jit.unused
    def forward_training(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return what ``forward`` returns in training mode."""
        tokens = self.encoder(x)
        mean, log_variance = self.latent(tokens[-1])
        latent = sample(mean, log_variance)
        return {
            "logits": self.decoder(tokens[:-1] + [latent]),
            "reconstruction": self.rebuild(as_map(latent, self.encoder.grid)),
            "image": x,
            "mean": mean,
            "log_variance": log_variance,
        }

    def reconstruct(self, x: torch.Tensor) -> torch.Tensor:
        """Rebuild an image (B, in_channels, *img_size) from the means of its latent vectors, nothing sampled."""
        return self.rebuild(as_map(self.latent.mean(self.encoder(x)[-1]), self.encoder.grid))
