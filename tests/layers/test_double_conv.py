"""The block of a U-Net: two convolutions that see two pixels far and keep the grid."""

import pytest
import torch

from tools.layers.double_conv import DoubleConv


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_keeps_the_grid_and_sees_two_voxels_far(spatial_dims):
    block = DoubleConv(spatial_dims, 1, 3).eval()
    image = torch.zeros(1, 1, *[9] * spatial_dims)
    changed = image.clone()
    changed[(0, 0, *[4] * spatial_dims)] = 5.0
    moved = torch.nonzero((block(changed) - block(image)).abs().sum(1)[0])
    assert block(image).shape == (1, 3, *[9] * spatial_dims)
    assert moved.min() >= 2
    assert moved.max() <= 6
    assert len(moved) > 3**spatial_dims


def test_dropout_drops_whole_channels_in_training_only():
    block = DoubleConv(2, 2, 64, dropout_rate=0.5)
    seen = []
    block.main[3].register_forward_hook(lambda _, args, out: seen.append((args[0], out)))
    image = torch.randn(1, 2, 8, 8)
    block.train()(image)
    before, after = seen.pop()
    kept = after.flatten(2).any(dim=2)
    assert 0 < kept.float().mean() < 1
    assert torch.equal(after[kept], 2 * before[kept])
    block.eval()(image)
    assert torch.equal(*seen.pop())


def test_output_is_not_negative():
    assert DoubleConv(2, 1, 4)(torch.randn(2, 1, 8, 8)).min() == 0
