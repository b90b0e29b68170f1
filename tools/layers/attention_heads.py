"""Whether tokens can be split into heads."""

from __future__ import annotations


def check_heads(hidden_size: int, num_heads: int) -> None:
    """Refuse a length of tokens that cannot be split evenly among the heads.

    Raises:
        ValueError: naming the nearest length that can.
    """
    if hidden_size % num_heads:
        raise ValueError(
            f"hidden_size must be divisible by num_heads, got hidden_size={hidden_size}, num_heads={num_heads}. "
            f"Try hidden_size={max(1, round(hidden_size / num_heads)) * num_heads}."
        )
