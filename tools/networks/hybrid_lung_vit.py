"""HybridLungViT: a stem, tokens of the left lung, of the right lung and of the whole image, and one token that asks.

After the HybridLungViT notebook for paediatric chest X-rays. Deviations: each side is pooled by exact area means at a
cut between pixels instead of on a map enlarged to the image; both sides share one encoder and differ by a learned
embedding; the mean of the whole image's tokens is added to the learned CLS token, so that it takes part in the answer;
``pooled_head`` lets the mean of the whole map answer beside the tokens.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from monai.utils import ensure_tuple_rep
from torch import nn

from ..layers.cross_attention import CrossAttention
from ..layers.mask_layers import mask_layers
from ..layers.side_tokens import SideTokens, lung_cut
from ..layers.token_encoder import TokenEncoder
from ..layers.weight_init import init_weights

logger = logging.getLogger(__name__)


class HybridLungViT(nn.Module):
    """Classify a chest X-ray with its lung mask.

    The stem's features are projected to ``hidden_size`` channels and resized to ``feature_size``. The mean x of the
    lung mask cuts each image in two (``layers.side_tokens``); each side and the whole image are pooled to a grid of
    tokens, which small transformers encode. A learned CLS token, to which the mean of the whole image's tokens is
    added, looks at the tokens of both sides by cross-attention and is classified. With ``pooled_head`` the mean of the
    feature map is classified, too, and both logits are added.

    Image and mask are two channels of one input, so that flips, exports, MONAI's engines and MONAI Label treat them
    alike: whatever mirrors the image mirrors the mask, and thereby swaps the sides.

    Args:
        stem: (B, 1, H, W) to (B, stem.out_channels, h, w), for instance a ``DeiTStem`` or a ``ConvStem``.
        img_size: pixels of the image, one number or (H, W).
        out_channels: number of classes.
        feature_size: size of the feature map that is pooled; None leaves it as the stem gives it.
        hidden_size: length of a token.
        mlp_dim: width between the two layers of each perceptron.
        num_layers: transformer blocks of each of the two encoders.
        num_heads: number of heads, a divisor of ``hidden_size``.
        token_grid: rows and columns of tokens on each side, one number or two; the whole image has as many.
        dropout_rate: of encoders, cross-attention and heads.
        pooled_head: add the logits of a linear layer on the mean of the projected map.
        segmentation_head: add a head that predicts the lung mask, in training only.
        auxiliary: return in training what auxiliary losses need, see ``forward``.
        dropout: another name of ``dropout_rate``, which it overrides when given (MONAI Label sets it).

    Example:
        >>> from tools.networks.conv_stem import ConvStem
        >>> network = HybridLungViT(ConvStem((4, 8)), img_size=32, hidden_size=8, mlp_dim=8, num_heads=2)
        >>> network(torch.rand(2, 2, 32, 32)).shape
        torch.Size([2, 2])
    """

    def __init__(
        self,
        stem: nn.Module,
        img_size: int | Sequence[int] = 224,
        out_channels: int = 2,
        feature_size: int | Sequence[int] | None = None,
        hidden_size: int = 256,
        mlp_dim: int = 512,
        num_layers: int = 2,
        num_heads: int = 4,
        token_grid: int | Sequence[int] = 4,
        dropout_rate: float = 0.1,
        pooled_head: bool = False,
        segmentation_head: bool = False,
        auxiliary: bool = False,
        dropout: float | None = None,
    ) -> None:
        super().__init__()
        rate = dropout_rate if dropout is None else dropout
        height, width = ensure_tuple_rep(img_size, 2)
        self.img_size = [height, width]
        self.register_buffer("trained_size", torch.tensor(self.img_size))  # saved with the weights, see loading
        self.feature_size = None if feature_size is None else list(ensure_tuple_rep(feature_size, 2))
        rows, columns = ensure_tuple_rep(token_grid, 2)
        count = rows * columns
        self.auxiliary = auxiliary
        self.project = nn.Sequential(
            nn.Conv2d(stem.out_channels, hidden_size, kernel_size=1), nn.GroupNorm(1, hidden_size), nn.GELU()
        )
        self.sides = SideTokens(rows, columns)
        self.side_encoder = TokenEncoder(count, 2, hidden_size, mlp_dim, num_layers, num_heads, rate)
        self.whole_encoder = TokenEncoder(count, 1, hidden_size, mlp_dim, num_layers, num_heads, rate)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, hidden_size))
        self.attention = CrossAttention(hidden_size, num_heads, rate)
        self.head = nn.Sequential(nn.LayerNorm(hidden_size), nn.Dropout(rate), nn.Linear(hidden_size, out_channels))
        self.pooled_head: nn.Module | None = None
        if pooled_head:
            self.pooled_head = nn.Sequential(nn.Dropout(rate), nn.Linear(hidden_size, out_channels))
        self.mask_head: nn.Module | None = None
        if segmentation_head:
            self.mask_head = mask_layers(hidden_size)
        self.apply(init_weights)
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        self.stem = stem  # after the initialisation, which must not touch pretrained weights

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Classify images.

        Args:
            x: (B, 2, *img_size): the grey image in [0, 1], which augmentation may leave, and the lung mask, 0 to 1.

        Returns:
            Logits (B, out_channels). In training with ``auxiliary``, a dictionary instead: ``logits``, ``attention``
            (B, N, weights of the tokens of both sides, sum 1), ``lung`` (B, N, share of lung in each of them),
            ``mask`` (B, 1, *img_size, the input's) and, with a segmentation head, ``mask_logits`` of the same shape.

        Raises:
            ValueError: for an input of another shape.
        """
        if not torch.jit.is_tracing() and (x.shape[1] != 2 or list(x.shape[2:]) != self.img_size):
            raise ValueError(
                f"this network takes (B, 2, {self.img_size[0]}, {self.img_size[1]}), image and lung mask, got "
                f"{x.shape}. Resize the image, or build the network with that img_size and train it so."
            )
        maps, cut = self.features(x), lung_cut(x[:, 1:])
        logits, weights = self.classify(maps, cut)
        if torch.jit.is_scripting():
            return logits
        if self.auxiliary and self.training:
            return self.parts(x, maps, cut, logits, weights)
        return logits

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Return the projected feature map (B, hidden_size, *feature_size) of an input."""
        maps = self.project(self.stem(x[:, :1]))
        if self.feature_size is not None:
            maps = F.interpolate(maps, size=self.feature_size, mode="bilinear", align_corners=False)
        return maps

    def classify(self, maps: torch.Tensor, cut: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (B, out_channels) and the weights (B, 2 N) of left, then right tokens."""
        left, right, whole = self.sides(maps, cut)
        both = torch.cat([self.side_encoder(left, 0), self.side_encoder(right, 1)], dim=1)
        context = self.whole_encoder(whole, 0).mean(dim=1, keepdim=True)
        fused, weights = self.attention(self.cls_token + context, both)
        logits = self.head(fused[:, 0])
        if self.pooled_head is not None:
            logits = logits + self.pooled_head(maps.mean(dim=(2, 3)))
        return logits, weights[:, 0]

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Warn of weights of another image size: with a convolutional stem they fit, and nothing measured holds."""
        key = prefix + "trained_size"
        size = state_dict.get(key)
        if isinstance(size, torch.Tensor) and size.tolist() != self.img_size:
            logger.warning(
                "these weights were trained with img_size %s, this network is built with %s: what was measured of them "
                'does not hold. Give --img_size "%s" here, too, or train at this one',
                size.tolist(),
                self.img_size,
                size.tolist(),
            )
        # what is saved from here on counts as trained at this size; weights without the key are taken to be.
        # load_state_dict works on a copy: the caller's stays
        state_dict[key] = torch.tensor(self.img_size)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    @torch.jit.unused
    def parts(
        self, x: torch.Tensor, maps: torch.Tensor, cut: torch.Tensor, logits: torch.Tensor, weights: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Return what the losses of ``losses.hybrid_loss`` need."""
        mask = x[:, 1:]
        left, right, _ = self.sides(mask, cut)
        lung = torch.cat([left, right], dim=1)[..., 0]
        found = {"logits": logits, "attention": weights, "lung": lung, "mask": mask}
        if self.mask_head is not None:
            small = self.mask_head(maps)
            found["mask_logits"] = F.interpolate(small, size=self.img_size, mode="bilinear", align_corners=False)
        return found

    @torch.jit.unused
    def attention_map(self, x: torch.Tensor) -> torch.Tensor:
        """Return where the CLS token looks: a density (B, 1, *img_size) that sums to 1 over each image."""
        cut = lung_cut(x[:, 1:])
        weights = self.classify(self.features(x), cut)[1]
        left, right = weights.chunk(2, dim=1)
        return self.sides.paint(left, right, cut, (self.img_size[0], self.img_size[1]))

    @torch.jit.unused
    def activation_map(self, x: torch.Tensor) -> torch.Tensor | None:
        """Return what each place adds to the pooled head's answer: logit of class 1 less that of class 0.

        The class activation map of Zhou et al., "Learning Deep Features for Discriminative Localization", 2016,
        https://arxiv.org/abs/1512.04150, exact for a linear layer on a mean. Without ``feature_size``, and
        less the biases, it is the difference of two maps of ``monai.visualize.CAM``, whose hooks would stay on a
        network that goes on training.

        Returns:
            (B, 1, *img_size), pixels of the map enlarged; None without ``pooled_head``. The mean over the map (over
            the image, too, where ``img_size`` is a multiple of the map) is the difference of the two logits of that
            head, less that of their biases. A pixel of the map has seen more of the image than its own square.
        """
        if self.pooled_head is None:
            return None
        weight = self.pooled_head[-1].weight
        places = torch.einsum("bchw,c->bhw", self.features(x), weight[1] - weight[0])[:, None]
        return F.interpolate(places, size=self.img_size, mode="nearest-exact")
