"""Data-efficient image transformer (DeiT) as a stem: an image in, a map of patch features out.

Touvron et al., "Training data-efficient image transformers & distillation through attention", 2021,
https://arxiv.org/abs/2012.12877; the network is that of Hugging Face ``transformers``.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from monai.utils import ensure_tuple_rep
from torch import nn

logger = logging.getLogger(__name__)

# what ImageNet weights were trained with
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
POSITION = "embeddings.position_embeddings"


class DeiTStem(nn.Module):
    """Patch features of a grey image, ``(B, hidden_size, H / patch_size, W / patch_size)``.

    The grey value in [0, 1] is repeated in three channels and normalised as ImageNet's images were. ``transformers``
    serves the plain DeiT (``facebook/deit-base-patch16-224``) as a ``ViTModel``, the distilled one
    (``facebook/deit-base-distilled-patch16-224``) as a ``DeiTModel``; both have the class token (and the
    distillation token) left out of the map.

    Args:
        img_size: pixels of the image, one number or (H, W), whole patches.
        patch_size: pixels of a patch along each axis.
        hidden_size: length of a token: 768 (base), 384 (small), 192 (tiny).
        mlp_dim: width between the two layers of each perceptron.
        num_layers: number of transformer blocks.
        num_heads: number of heads, a divisor of ``hidden_size``.
        dropout_rate: of embedding and blocks.
        distilled: build the variant with a distillation token.
        weights: None for random ones; a folder with ``config.json`` and ``model.safetensors``; or a name on the Hugging
            Face Hub, which is downloaded only because it was named here. Position embeddings of another ``img_size``
            are resized.

    Raises:
        ValueError: sizes that do not fit together, or weights of another architecture.
        OSError: weights that cannot be found.

    Example:
        >>> stem = DeiTStem(img_size=32, patch_size=8, hidden_size=12, mlp_dim=24, num_layers=1, num_heads=2)
        >>> stem(torch.rand(2, 1, 32, 32)).shape
        torch.Size([2, 12, 4, 4])
    """

    def __init__(
        self,
        img_size: int | Sequence[int] = 224,
        patch_size: int = 16,
        hidden_size: int = 768,
        mlp_dim: int = 3072,
        num_layers: int = 12,
        num_heads: int = 12,
        dropout_rate: float = 0.0,
        distilled: bool = False,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        size = ensure_tuple_rep(img_size, 2)
        self.grid = tuple(length // patch_size for length in size)
        if any(length % patch_size for length in size) or hidden_size % num_heads:
            raise ValueError(
                f"img_size must be whole patches of {patch_size} pixels and hidden_size a multiple of num_heads, got "
                f"img_size={size}, hidden_size={hidden_size}, num_heads={num_heads}. Try img_size="
                f"{[max(1, round(length / patch_size)) * patch_size for length in size]}."
            )
        self.out_channels = hidden_size
        self.extra_tokens = 2 if distilled else 1
        self.model = _build(
            distilled,
            image_size=list(size),
            patch_size=patch_size,
            hidden_size=hidden_size,
            intermediate_size=mlp_dim,
            num_hidden_layers=num_layers,
            num_attention_heads=num_heads,
            hidden_dropout_prob=dropout_rate,
            attention_probs_dropout_prob=dropout_rate,
        )
        self.register_buffer("mean", torch.tensor(MEAN).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).reshape(1, 3, 1, 1), persistent=False)
        if weights and weights.lower() != "none":
            self._load(weights, distilled)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map a grey image (B, 1, H, W) in [0, 1] to features (B, hidden_size, *grid)."""
        tokens = self.model(pixel_values=(x - self.mean) / self.std).last_hidden_state
        return tokens[:, self.extra_tokens :].transpose(1, 2).unflatten(2, self.grid)

    def _load(self, weights: str, distilled: bool) -> None:
        """Fill the network from a folder or from the Hub."""
        place = f"the folder {weights}" if Path(weights).is_dir() else f"{weights}, by name"
        logger.info("weights of the stem from %s", place)
        state = _pretrained(weights, distilled)
        own = self.model.state_dict()
        if POSITION in state and state[POSITION].shape[-1] == own[POSITION].shape[-1]:
            state[POSITION] = resized_positions(state[POSITION], self.extra_tokens, self.grid)
        wrong = [name for name in own if name not in state or state[name].shape != own[name].shape]
        if wrong:
            found = tuple(state[wrong[0]].shape) if wrong[0] in state else "nothing"
            raise ValueError(
                f"the weights of {weights} are of another architecture: {len(wrong)} of {len(own)} tensors differ, "
                f"first {wrong[0]}, {found} there and {tuple(own[wrong[0]].shape)} here. Set hidden_size, num_layers, "
                "num_heads, mlp_dim and distilled of the stem to what its config.json says"
            )
        self.model.load_state_dict({name: state[name] for name in own})


def resized_positions(positions: torch.Tensor, extra_tokens: int, grid: Sequence[int]) -> torch.Tensor:
    """Return position embeddings (1, extra + N, C) of a square grid for another grid, bicubic."""
    extra, of_grid = positions[:, :extra_tokens], positions[:, extra_tokens:]
    side = round(of_grid.shape[1] ** 0.5)
    if (side, side) == tuple(grid):
        return positions
    maps = of_grid.transpose(1, 2).unflatten(2, (side, side)).float()
    maps = F.interpolate(maps, size=tuple(grid), mode="bicubic", align_corners=False)
    return torch.cat([extra, maps.flatten(2).transpose(1, 2).to(positions.dtype)], dim=1)


def _build(distilled: bool, **architecture: Any) -> nn.Module:
    from transformers import DeiTConfig, DeiTModel, ViTConfig, ViTModel

    config, model = (DeiTConfig, DeiTModel) if distilled else (ViTConfig, ViTModel)
    return model(config(**architecture), add_pooling_layer=False)


def _pretrained(weights: str, distilled: bool) -> dict[str, torch.Tensor]:
    """Read a state dictionary with ``transformers``, from safetensors only: a pickle could run code."""
    from transformers import DeiTModel, ViTModel

    model = DeiTModel if distilled else ViTModel
    local = Path(weights).is_dir()
    try:
        read = model.from_pretrained(weights, add_pooling_layer=False, use_safetensors=True, local_files_only=local)
    except OSError as error:
        raise OSError(
            f"no weights of the stem at {weights} ({str(error).splitlines()[0]}): name a folder with config.json "
            "and model.safetensors, or a model of the Hugging Face Hub while there is a network; --stem_weights none "
            "begins with random ones"
        ) from error
    return dict(read.state_dict())
