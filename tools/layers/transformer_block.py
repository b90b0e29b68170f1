"""Transformer encoder block.

Vaswani et al., "Attention Is All You Need", 2017, https://arxiv.org/abs/1706.03762 (post-norm);
Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020, https://arxiv.org/abs/2002.04745
(pre-norm)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from .attention_heads import check_heads


class SelfAttention(nn.Module):
    """Multi-head self-attention on ``scaled_dot_product_attention``.

    ``out(concat_h(softmax(q_h k_h^T / sqrt(d)) v_h))`` with ``d = hidden_size / num_heads``.

    Args:
        hidden_size: length of a token.
        num_heads: number of heads, a divisor of ``hidden_size``.
        dropout_rate: share of attention weights dropped, in training only.

    Raises:
        ValueError: when ``hidden_size`` cannot be split into ``num_heads``.
    """

    def __init__(self, hidden_size: int, num_heads: int, dropout_rate: float = 0.0) -> None:
        super().__init__()
        check_heads(hidden_size, num_heads)
        self.num_heads = num_heads
        self.dropout_rate = dropout_rate
        self.qkv = nn.Linear(hidden_size, 3 * hidden_size)
        self.out = nn.Linear(hidden_size, hidden_size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map tokens (B, N, hidden_size) to tokens of the same shape."""
        batch, count, size = x.shape
        heads = self.qkv(x).reshape(batch, count, 3, self.num_heads, size // self.num_heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind(0)  # each (B, num_heads, N, d)
        dropout = self.dropout_rate if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        return self.out(mixed.transpose(1, 2).reshape(batch, count, size))


class TransformerBlock(nn.Module):
    """Self-attention, then a two-layer perceptron (GELU), each added to its input.

    Pre-norm: ``x = x + drop(attention(norm1(x))); x = x + mlp(norm2(x))``.
    Post-norm: ``x = norm1(x + drop(attention(x))); x = norm2(x + mlp(x))``.

    Computes what ``nn.TransformerEncoderLayer(activation="gelu", batch_first=True)`` does with the same weights.

    Args:
        hidden_size: length of a token.
        mlp_dim: width between the two layers of the perceptron.
        num_heads: number of heads, a divisor of ``hidden_size``.
        dropout_rate: dropped share of attention weights, of both results before adding, and inside the perceptron.
        norm_first: pre-norm when true, else post-norm.

    Example:
        >>> TransformerBlock(hidden_size=8, mlp_dim=16, num_heads=2)(torch.rand(1, 5, 8)).shape
        torch.Size([1, 5, 8])
    """

    def __init__(
        self, hidden_size: int, mlp_dim: int, num_heads: int, dropout_rate: float = 0.0, norm_first: bool = True
    ) -> None:
        super().__init__()
        self.norm_first = norm_first
        self.norm1 = nn.LayerNorm(hidden_size)
        self.attention = SelfAttention(hidden_size, num_heads, dropout_rate)
        self.dropout = nn.Dropout(dropout_rate)
        self.norm2 = nn.LayerNorm(hidden_size)
        self.mlp = nn.Sequential(
            nn.Linear(hidden_size, mlp_dim),
            nn.GELU(),
            nn.Dropout(dropout_rate),
            nn.Linear(mlp_dim, hidden_size),
            nn.Dropout(dropout_rate),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map tokens (B, N, hidden_size) to tokens of the same shape."""
        if self.norm_first:
            x = x + self.dropout(self.attention(self.norm1(x)))
            return x + self.mlp(self.norm2(x))
        x = self.norm1(x + self.dropout(self.attention(x)))
        return self.norm2(x + self.mlp(x))
