"""Cross-attention computes what torch's does, and hands out its weights."""

import pytest
import torch
from torch import nn

from tools.layers.cross_attention import CrossAttention


def test_it_computes_what_torch_computes():
    torch.manual_seed(0)
    ours = CrossAttention(hidden_size=8, num_heads=2).eval()
    theirs = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.to_query.weight, ours.to_key.weight, ours.to_value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.to_query.bias, torch.zeros(8), ours.to_value.bias]))
        theirs.out_proj.load_state_dict(ours.out.state_dict())
    query, tokens = torch.randn(3, 1, 8), torch.randn(3, 5, 8)
    keys = ours.norm_tokens(tokens)
    expected, weights = theirs(ours.norm_query(query), keys, keys)
    out, own_weights = ours(query, tokens)
    torch.testing.assert_close(out, query + expected)
    torch.testing.assert_close(own_weights, weights)
    torch.testing.assert_close(own_weights.sum(dim=2), torch.ones(3, 1))


def test_heads_must_divide_the_size():
    with pytest.raises(ValueError, match="Try hidden_size=9"):
        CrossAttention(hidden_size=8, num_heads=3)
