"""The residual and the up-sampling block are what their formulas say."""

import pytest
import torch
import torch.nn.functional as F

from tools.layers.residual_block import ResidualBlock
from tools.layers.upsample_block import UpsampleBlock


@pytest.mark.parametrize("spatial_dims", [2, 3])
@pytest.mark.parametrize("out_channels", [3, 5])
def test_residual_block_is_the_formula(spatial_dims, out_channels):
    block = ResidualBlock(spatial_dims, 3, out_channels, dropout_rate=0.5).eval()
    x = torch.randn(2, 3, *(5, 7, 6)[:spatial_dims])
    convolve = F.conv2d if spatial_dims == 2 else F.conv3d
    scale = (1 + 1e-5) ** 0.5  # BatchNorm as built: mean 0, variance 1
    main = (convolve(x, block.main[0].weight, padding=1) / scale).clamp(min=0)
    main = convolve(main, block.main[4].weight, padding=1) / scale
    shortcut = x if out_channels == 3 else convolve(x, block.shortcut[0].weight) / scale
    torch.testing.assert_close(block(x), (main + shortcut).clamp(min=0))


def test_residual_block_does_not_change_its_input():
    block, x = ResidualBlock(2, 3, 3), torch.randn(2, 3, 5, 5)
    kept = x.clone()
    block(x)
    assert torch.equal(x, kept)


def test_residual_dropout_acts_in_training_only():
    block = ResidualBlock(2, 3, 3, dropout_rate=0.5)
    x = torch.randn(2, 3, 5, 5)
    assert not torch.equal(block.train()(x), block.train()(x))
    assert torch.equal(block.eval()(x), block.eval()(x))


@pytest.mark.parametrize(
    ("grid", "stride", "fine"),
    [((3, 5), 2, (6, 10)), ((3, 5), 1, (3, 5)), ((3, 5), (4, 2), (12, 10)), ((2, 3, 4), (2, 1, 4), (4, 3, 16))],
)
def test_upsample_block_multiplies_the_grid(grid, stride, fine):
    block = UpsampleBlock(len(grid), 3, 4, stride)
    assert block(torch.randn(1, 3, *grid)).shape == (1, 4, *fine)


def test_each_fine_position_has_one_coarse_one():
    block = UpsampleBlock(2, 1, 2, 2).eval()
    x = torch.zeros(1, 1, 3, 3)
    x[0, 0, 1, 2] = 1.0
    torch.nn.init.ones_(block.main[0].weight)
    touched = block(x)[0].sum(dim=0) > 0
    expected = torch.zeros(6, 6, dtype=torch.bool)
    expected[2:4, 4:6] = True
    assert torch.equal(touched, expected)
