"""The gate weighs a skip: never amplifies it, and both of its inputs matter."""

import pytest
import torch

from tools.layers.attention_gate import AttentionGate


def inputs(spatial_dims: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A coarse gate and a skip on an odd grid."""
    gate_grid, skip_grid = ((3, 4), (7, 9)) if spatial_dims == 2 else ((3, 2, 4), (7, 5, 9))
    return torch.randn(2, 6, *gate_grid), torch.randn(2, 4, *skip_grid)


@pytest.mark.parametrize("spatial_dims", [2, 3])
class TestAttentionGate:
    def test_never_amplifies_and_keeps_the_sign(self, spatial_dims):
        gate, skip = inputs(spatial_dims)
        out = AttentionGate(spatial_dims, 6, 4)(gate, skip)
        assert out.shape == skip.shape
        ratio = out / skip
        assert (ratio > 0).all()
        assert (ratio < 1).all()

    def test_one_weight_a_position_shared_by_all_channels(self, spatial_dims):
        gate, skip = inputs(spatial_dims)
        ratio = AttentionGate(spatial_dims, 6, 4)(gate, skip) / skip
        torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio))

    @pytest.mark.parametrize(("score", "share"), [(100.0, 1.0), (-200.0, 0.0)])
    def test_saturated_score_is_identity_or_nothing(self, spatial_dims, score, share):
        gate, skip = inputs(spatial_dims)
        layer = AttentionGate(spatial_dims, 6, 4)
        torch.nn.init.zeros_(layer.score.weight)
        torch.nn.init.constant_(layer.score.bias, score)
        torch.testing.assert_close(layer(gate, skip), skip * share, rtol=0, atol=0)

    def test_gradient_reaches_both_inputs(self, spatial_dims):
        gate, skip = (x.requires_grad_() for x in inputs(spatial_dims))
        AttentionGate(spatial_dims, 6, 4)(gate, skip).square().sum().backward()
        assert gate.grad.abs().sum() > 0
        assert skip.grad.abs().sum() > 0

    def test_is_the_formula_on_equal_grids(self, spatial_dims):
        _, skip = inputs(spatial_dims)
        gate = torch.randn(2, 6, *skip.shape[2:])
        layer = AttentionGate(spatial_dims, 6, 4)

        def linear(conv: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
            y = torch.einsum("oi,bi...->bo...", conv.weight.flatten(1), x)
            return y if conv.bias is None else y + conv.bias.reshape(-1, *[1] * spatial_dims)

        hidden = (linear(layer.project_gate, gate) + linear(layer.project_skip, skip)).clamp(min=0)
        torch.testing.assert_close(layer(gate, skip), skip / (1 + torch.exp(-linear(layer.score, hidden))))


def test_a_skip_too_narrow_to_halve_needs_hidden_channels():
    with pytest.raises(ValueError, match=r"got 0 \(skip_channels=1\).*Pass hidden_channels"):
        AttentionGate(2, 6, 1)
    assert AttentionGate(2, 6, 1, hidden_channels=3).score.in_channels == 3
