"""A small transformer over a grid of pooled tokens."""

from __future__ import annotations

import torch
from torch import nn

from .transformer_block import TransformerBlock


class TokenEncoder(nn.Module):
    """Add a learned position and a kind to each token, then ``num_layers`` pre-norm blocks and a norm.

    Args:
        num_tokens: tokens of a grid.
        num_kinds: how many kinds of grids share this encoder (2 for left and right).
        hidden_size: length of a token.
        mlp_dim: width between the two layers of each perceptron.
        num_layers: number of transformer blocks.
        num_heads: number of heads, a divisor of ``hidden_size``.
        dropout_rate: of every block.
    """

    def __init__(
        self,
        num_tokens: int,
        num_kinds: int,
        hidden_size: int,
        mlp_dim: int,
        num_layers: int,
        num_heads: int,
        dropout_rate: float = 0.0,
    ) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.zeros(1, num_tokens, hidden_size))
        self.kind = nn.Parameter(torch.zeros(num_kinds, 1, hidden_size))
        nn.init.trunc_normal_(self.position, std=0.02)
        nn.init.trunc_normal_(self.kind, std=0.02)
        self.layers = nn.ModuleList(
            TransformerBlock(hidden_size, mlp_dim, num_heads, dropout_rate) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(hidden_size)

    def forward(self, tokens: torch.Tensor, kind: int) -> torch.Tensor:
        """Map tokens (B, num_tokens, hidden_size) of one kind to tokens of the same shape."""
        tokens = tokens + self.position + self.kind[kind]
        for layer in self.layers:
            tokens = layer(tokens)
        return self.norm(tokens)
