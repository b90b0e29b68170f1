"""Cross-attention of one set of tokens to another, with the weights it gave.

Vaswani et al., "Attention Is All You Need", 2017, https://arxiv.org/abs/1706.03762, section 3.2.3
"""

from __future__ import annotations

import torch
from torch import nn

from .attention_heads import check_heads


class CrossAttention(nn.Module):
    """``query + drop(out(concat_h(softmax(q_h k_h^T / sqrt(d)) v_h)))`` on normalised tokens (pre-norm).

    The weights are computed in the open, since they are wanted for pictures and for a loss; the query is a token or
    two, so nothing is lost by it.

    Args:
        hidden_size: length of a token.
        num_heads: number of heads, a divisor of ``hidden_size``.
        dropout_rate: dropped share of the result before adding.

    Raises:
        ValueError: when ``hidden_size`` cannot be split into ``num_heads``.
    """

    def __init__(self, hidden_size: int, num_heads: int, dropout_rate: float = 0.0) -> None:
        super().__init__()
        check_heads(hidden_size, num_heads)
        self.num_heads = num_heads
        self.norm_query = nn.LayerNorm(hidden_size)
        self.norm_tokens = nn.LayerNorm(hidden_size)
        self.to_query = nn.Linear(hidden_size, hidden_size)
        self.to_key = nn.Linear(hidden_size, hidden_size, bias=False)  # a bias would cancel in the softmax
        self.to_value = nn.Linear(hidden_size, hidden_size)
        self.out = nn.Linear(hidden_size, hidden_size)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, query: torch.Tensor, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Let queries look at tokens.

        Args:
            query: (B, M, hidden_size).
            tokens: (B, N, hidden_size).

        Returns:
            (B, M, hidden_size), and the mean weights over heads (B, M, N), which sum to 1 over N.
        """
        tokens = self.norm_tokens(tokens)
        asked = self.split(self.to_query(self.norm_query(query)))
        keys, values = self.split(self.to_key(tokens)), self.split(self.to_value(tokens))
        scale = asked.shape[-1] ** -0.5
        weights = torch.softmax(torch.matmul(asked, keys.transpose(2, 3)) * scale, dim=-1)  # (B, heads, M, N)
        mixed = torch.matmul(weights, values).transpose(1, 2).flatten(2)
        return query + self.dropout(self.out(mixed)), weights.mean(dim=1)

    def split(self, x: torch.Tensor) -> torch.Tensor:
        """(B, N, hidden_size) to (B, heads, N, d)."""
        return x.unflatten(2, [self.num_heads, x.shape[2] // self.num_heads]).transpose(1, 2)
