"""The shortcut of the dilated convolution is exact; every branch of the pyramid counts."""

import pytest
import torch
import torch.nn.functional as F

from tools.layers.aspp import ASPP, AtrousConv


@pytest.mark.parametrize("rate", [1, 3, 4, 5, 6, 18])
@pytest.mark.parametrize("grid", [(5, 5), (4, 7), (3, 5, 6)])
def test_atrous_conv_equals_the_full_dilated_convolution(grid, rate):
    layer = AtrousConv(len(grid), 3, 4, rate)
    x = torch.randn(2, 3, *grid)
    convolve = F.conv2d if len(grid) == 2 else F.conv3d
    full = convolve(x, layer.weight, padding=rate, dilation=rate)
    torch.testing.assert_close(layer(x), full, rtol=1e-5, atol=1e-6)

    ours = torch.autograd.grad(layer(x).square().sum(), layer.weight)[0]
    theirs = torch.autograd.grad(full.square().sum(), layer.weight)[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("rate", "taps"), [(15, 9), (16, 1), (18, 1)])
def test_only_taps_that_reach_the_map_are_computed(rate, taps):
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        AtrousConv(2, 3, 4, rate)(torch.randn(1, 3, 16, 16))
    assert counter.get_total_flops() == 2 * 3 * 4 * 16 * 16 * taps


@pytest.mark.parametrize("spatial_dims", [2, 3])
class TestASPP:
    def test_keeps_the_grid_and_a_batch_of_one_trains(self, spatial_dims):
        grid = (5, 7, 6)[:spatial_dims]
        out = ASPP(spatial_dims, 6, 4, branch_channels=3).train()(torch.randn(1, 6, *grid))
        assert out.shape == (1, 4, *grid)
        assert torch.isfinite(out).all()

    def test_every_branch_matters(self, spatial_dims):
        layer = ASPP(spatial_dims, 6, 4, branch_channels=3).eval()
        torch.nn.init.ones_(layer.project[0].weight)  # nothing that a branch adds is lost in the ReLU
        x = torch.rand(1, 6, *(5, 7, 6)[:spatial_dims])
        before = layer(x)
        parts = [branch[0].weight for branch in layer.branches] + [layer.pool[1].weight]
        assert len(parts) == 5
        for weight in parts:
            kept = weight.detach().clone()
            torch.nn.init.constant_(weight, 0.7)
            assert (layer(x) - before).abs().max() > 0.1
            weight.data.copy_(kept)
        torch.testing.assert_close(layer(x), before)

    def test_the_pooled_branch_sees_the_whole_map(self, spatial_dims):
        layer = ASPP(spatial_dims, 2, 3, branch_channels=4, rates=(1,)).eval()
        torch.nn.init.ones_(layer.pool[1].weight)
        torch.nn.init.ones_(layer.project[0].weight)
        x = torch.rand(1, 2, *(9, 9, 9)[:spatial_dims]).requires_grad_()
        layer(x)[(0, 0, *[0] * spatial_dims)].backward()
        assert (x.grad[0, 0] != 0).all()

    def test_dropout_is_of_the_output_and_in_training_only(self, spatial_dims):
        layer = ASPP(spatial_dims, 2, 3, branch_channels=4, rates=(1,), dropout_rate=1.0)
        x = torch.rand(2, 2, *(4, 4, 4)[:spatial_dims])
        assert not layer.train()(x).any()
        assert layer.eval()(x).any()


def test_prints_its_shape_and_rate():
    assert repr(AtrousConv(2, 3, 4, 18)) == "AtrousConv(weight=(4, 3, 3, 3), rate=18)"
