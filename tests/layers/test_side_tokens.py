"""Where an image is cut, and what is averaged on each side."""

import pytest
import torch

from tools.layers.side_tokens import SideTokens, interval_means, lung_cut


def band(start: int, stop: int, width: int = 20) -> torch.Tensor:
    mask = torch.zeros(1, 1, 8, width)
    mask[..., start:stop] = 1
    return mask


@pytest.mark.parametrize(
    ("mask", "cut"),
    [(band(4, 12), 0.4), (band(0, 20), 0.5), (band(0, 0), 0.5), (band(0, 2), 0.25), (band(18, 20), 0.75)],
    ids=["mean x", "whole", "empty", "too far left", "too far right"],
)
def test_the_cut_is_the_mean_x_of_the_mask(mask, cut):
    assert lung_cut(mask).item() == pytest.approx(cut)


def test_a_mirrored_mask_is_cut_in_the_mirror():
    mask = band(3, 11)
    assert lung_cut(mask.flip(3)).item() == pytest.approx(1 - lung_cut(mask).item())


def test_means_of_whole_cells_are_those_of_adaptive_pooling():
    row = torch.rand(1, 12)
    means = interval_means(torch.zeros(1), torch.ones(1), cells=4, length=12)
    torch.testing.assert_close((means @ row[..., None])[..., 0], torch.nn.functional.adaptive_avg_pool1d(row, 4))


def test_a_cell_between_pixels_takes_their_shares():
    means = interval_means(torch.tensor([0.0]), torch.tensor([0.375]), cells=1, length=4)  # one and a half pixels
    torch.testing.assert_close(means, torch.tensor([[[2 / 3, 1 / 3, 0.0, 0.0]]]))


def test_each_side_sees_its_own_pixels_only():
    maps = torch.zeros(2, 1, 4, 10)
    maps[0, :, :, :3], maps[1, :, :, :7] = 1, 1
    left, right, whole = SideTokens(2, 2)(maps, torch.tensor([0.3, 0.7]))
    torch.testing.assert_close(left, torch.ones(2, 4, 1))
    torch.testing.assert_close(right, torch.zeros(2, 4, 1))
    torch.testing.assert_close(whole.mean(dim=(1, 2)), torch.tensor([0.3, 0.7]))


def test_a_mirrored_map_swaps_the_sides():
    maps, cut = torch.rand(2, 3, 6, 10), torch.tensor([0.33, 0.6])
    pool = SideTokens(2, 3)
    left, right, _ = pool(maps, cut)
    other_left, other_right, _ = pool(maps.flip(3), 1 - cut)
    for side, mirror in ((left, other_right), (right, other_left)):
        grid = mirror.unflatten(1, (2, 3)).flip(2).flatten(1, 2)
        torch.testing.assert_close(side, grid)


def test_paint_puts_the_weight_of_a_token_where_the_token_is():
    pool = SideTokens(2, 2)
    left, right = torch.zeros(1, 4), torch.zeros(1, 4)
    left[0, 1] = 1.0  # first row, second column of the left side
    painted = pool.paint(left, right, torch.tensor([0.4]), (10, 20))
    assert painted.sum().item() == pytest.approx(1.0)
    assert painted[0, 0, :5, 4:8].sum().item() == pytest.approx(1.0)
