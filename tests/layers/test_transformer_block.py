"""Pre-norm and post-norm against plain loops, and against PyTorch's own layer."""

import pytest
import torch
import torch.nn.functional as F

from tools.layers.transformer_block import SelfAttention, TransformerBlock


def plain_attention(layer: SelfAttention, x: torch.Tensor) -> torch.Tensor:
    """Softmax attention, one batch element and one head at a time."""
    size = x.shape[-1]
    width = size // layer.num_heads
    out = torch.empty_like(x)
    for item in range(len(x)):
        query, key, value = (x[item] @ layer.qkv.weight.T + layer.qkv.bias).split(size, dim=1)
        for head in range(layer.num_heads):
            part = slice(head * width, (head + 1) * width)
            weights = torch.softmax(query[:, part] @ key[:, part].T / width**0.5, dim=1)
            out[item, :, part] = weights @ value[:, part]
    return out @ layer.out.weight.T + layer.out.bias


def plain_mlp(block: TransformerBlock, x: torch.Tensor) -> torch.Tensor:
    """Two layers with a GELU between."""
    return F.linear(F.gelu(F.linear(x, block.mlp[0].weight, block.mlp[0].bias)), block.mlp[3].weight, block.mlp[3].bias)


def block_with_busy_norms(norm_first: bool) -> TransformerBlock:
    """A block in which leaving out or swapping a norm shows."""
    block = TransformerBlock(8, 16, 2, dropout_rate=0.3, norm_first=norm_first).eval()
    for norm in (block.norm1, block.norm2):
        torch.nn.init.normal_(norm.weight)
        torch.nn.init.normal_(norm.bias)
    return block


def test_attention_is_explicit_softmax():
    layer, x = SelfAttention(8, 2).eval(), torch.randn(3, 5, 8)
    torch.testing.assert_close(layer(x), plain_attention(layer, x))


def test_pre_norm_is_the_formula():
    block, x = block_with_busy_norms(norm_first=True), torch.randn(3, 5, 8)
    y = x + plain_attention(block.attention, block.norm1(x))
    torch.testing.assert_close(block(x), y + plain_mlp(block, block.norm2(y)))


def test_post_norm_is_the_formula():
    block, x = block_with_busy_norms(norm_first=False), torch.randn(3, 5, 8)
    y = block.norm1(x + plain_attention(block.attention, x))
    torch.testing.assert_close(block(x), block.norm2(y + plain_mlp(block, y)))


@pytest.mark.parametrize("norm_first", [True, False])
class TestBlock:
    def test_equals_the_layer_of_pytorch(self, norm_first):
        block, x = block_with_busy_norms(norm_first), torch.randn(3, 5, 8)
        layer = torch.nn.TransformerEncoderLayer(
            8, 2, 16, activation="gelu", batch_first=True, norm_first=norm_first
        ).eval()
        names = {
            "attention.qkv.weight": "self_attn.in_proj_weight",
            "attention.qkv.bias": "self_attn.in_proj_bias",
            "attention.out.weight": "self_attn.out_proj.weight",
            "attention.out.bias": "self_attn.out_proj.bias",
            "mlp.0.weight": "linear1.weight",
            "mlp.0.bias": "linear1.bias",
            "mlp.3.weight": "linear2.weight",
            "mlp.3.bias": "linear2.bias",
        }
        layer.load_state_dict({names.get(name, name): value for name, value in block.state_dict().items()})
        torch.testing.assert_close(block(x), layer(x), rtol=1e-5, atol=1e-5)

    def test_every_parameter_gets_a_gradient(self, norm_first):
        block = block_with_busy_norms(norm_first)
        block(torch.randn(3, 5, 8)).square().sum().backward()
        assert [name for name, p in block.named_parameters() if p.grad is None or not p.grad.any()] == []

    def test_dropout_acts_in_training_only(self, norm_first):
        block, x = block_with_busy_norms(norm_first), torch.randn(3, 5, 8)
        assert torch.equal(block(x), block(x))
        assert not torch.equal(block.train()(x), block(x))

    def test_attention_weights_are_dropped_in_training(self, norm_first):
        block = TransformerBlock(8, 16, 2, dropout_rate=0.3, norm_first=norm_first)
        block.dropout.p = 0.0
        for layer in block.mlp:
            if isinstance(layer, torch.nn.Dropout):
                layer.p = 0.0
        x = torch.randn(3, 5, 8)
        assert not torch.equal(block.train()(x), block(x))


def test_refuses_heads_that_do_not_divide_the_token():
    with pytest.raises(ValueError, match="hidden_size=10, num_heads=4.*Try hidden_size=8"):
        SelfAttention(10, 4)
