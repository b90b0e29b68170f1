"""Surface Dice and HD95: distances known by construction, MONAI's numbers, awkward grids, empty masks."""

import math

import numpy as np
import pytest
import torch
from monai.metrics import compute_hausdorff_distance, compute_surface_dice

from tools.handlers import surface_scores as module
from tools.handlers.surface_scores import surface_scores


def grid(*spacing):
    """Return an affine with right angles."""
    return torch.diag(torch.tensor([*spacing, 1.0], dtype=torch.float64))


def plate(position, shape=(12, 20, 16)):
    """Return a plate, one voxel thick, across the first axis."""
    mask = torch.zeros(shape, dtype=torch.bool)
    mask[position, 3:17, 2:14] = True
    return mask


def ball(radius_mm, spacing, shape=(40, 40, 30)):
    """Return a ball in the middle of the volume."""
    axes = [(np.arange(size) - (size - 1) / 2) * step for size, step in zip(shape, spacing, strict=True)]
    return torch.from_numpy(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij")) <= radius_mm**2)


def blobs(seed, shape=(17, 14, 11)):
    """Return irregular masks, some of whose voxels lie at the edge of the volume."""
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.avg_pool3d(noise[None, None], 3, 1, 1)[0, 0] > 0.5


def test_two_plates_whose_distances_are_known():
    # centres 3 voxels of 2 mm apart; the surfaces face to face are 2 voxels apart, the averted ones 4, each has half
    mask, target, affine = plate(4), plate(7), grid(2.0, 0.5, 0.7)
    assert surface_scores(mask, target, affine, 4.0)["hd95_mm"] == pytest.approx(6.0)
    found = {tolerance: surface_scores(mask, target, affine, tolerance)["surface_dice"] for tolerance in (3.9, 4, 6)}
    assert found == {3.9: 0.0, 4: pytest.approx(0.5), 6: pytest.approx(1.0)}


def test_two_voxels_are_as_far_apart_as_the_spacing_says():
    mask, target = torch.zeros(2, 9, 9, 9, dtype=torch.bool)
    mask[1, 1, 1] = target[4, 3, 1] = True
    assert surface_scores(mask, target, grid(1, 2, 7))["hd95_mm"] == pytest.approx(5.0)
    assert surface_scores(mask, target, grid(7, 2, 1))["hd95_mm"] == pytest.approx(math.hypot(21, 4))


def test_a_grown_ball_is_off_by_what_it_grew():
    spacing = (0.7, 0.7, 1.0)
    found = surface_scores(ball(11, spacing), ball(8, spacing), grid(*spacing), 1.5)
    assert found["surface_dice"] == pytest.approx(0.0, abs=0.01)
    assert found["hd95_mm"] == pytest.approx(3.0, abs=0.6)
    assert surface_scores(ball(11, spacing), ball(8, spacing), grid(*spacing), 4.0)["surface_dice"] == 1.0


def test_equal_masks_agree_at_any_tolerance():
    assert surface_scores(blobs(1), blobs(1), grid(1, 2, 3), 0.0) == {"surface_dice": 1.0, "hd95_mm": 0.0}


@pytest.mark.parametrize("slab_voxels", [1, 1 << 21])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_numbers_are_those_of_monai(seed, slab_voxels, monkeypatch):
    monkeypatch.setattr(module, "SLAB_VOXELS", slab_voxels)
    mask, target, spacing = blobs(seed), blobs(seed + 10), [0.8, 1.3, 2.5]
    found = surface_scores(mask, target, grid(*spacing), 1.0)
    one = {"y_pred": mask[None, None], "y": target[None, None], "include_background": True, "spacing": spacing}
    dice = compute_surface_dice(**one, class_thresholds=[1.0], use_subvoxels=True)
    assert 0.2 < found["surface_dice"] < 0.98
    assert found["surface_dice"] == pytest.approx(float(dice), abs=1e-5)
    assert found["hd95_mm"] == pytest.approx(float(compute_hausdorff_distance(**one, percentile=95)), abs=1e-5)


def test_an_oblique_grid_changes_nothing_and_a_permuted_one_neither():
    mask, target, affine = blobs(4), blobs(5), grid(0.8, 1.3, 2.5)
    turn = torch.eye(4, dtype=torch.float64)
    turn[:3, :3] = torch.linalg.qr(torch.rand(3, 3, dtype=torch.float64))[0]
    turn[:3, 3] = torch.tensor([100.0, -20.0, 7.0])
    plain = surface_scores(mask, target, affine)
    assert surface_scores(mask, target, turn @ affine) == pytest.approx(plain)
    order = (2, 0, 1)
    permuted = surface_scores(mask.permute(order), target.permute(order), affine[:, [*order, 3]])
    assert permuted == pytest.approx(plain)


def test_on_a_sheared_grid_distances_are_those_in_the_patient():
    affine = grid(1.0, 1.0, 1.0)
    affine[1, 2] = 0.75  # a tilted gantry: the third axis leans along the second
    mask, target = torch.zeros(2, 9, 9, 9, dtype=torch.bool)
    mask[2, 2, 2] = target[2, 2, 6] = True
    assert surface_scores(mask, target, affine)["hd95_mm"] == pytest.approx(4 * math.hypot(1, 0.75))
    target[2, 2, 6], target[2, 5, 6] = False, True
    assert surface_scores(mask, target, affine)["hd95_mm"] == pytest.approx(math.hypot(6, 4))


def test_empty_masks():
    nothing, something, affine = torch.zeros(10, 20, 5, dtype=torch.bool), plate(4, (10, 20, 5)), grid(1, 2, 4)
    neither = surface_scores(nothing, nothing, affine)
    assert math.isnan(neither["surface_dice"])
    assert math.isnan(neither["hd95_mm"])
    diagonal = math.sqrt(10**2 + 40**2 + 20**2)
    for pair in ((nothing, something), (something, nothing)):
        assert surface_scores(*pair, affine) == {"surface_dice": 0.0, "hd95_mm": pytest.approx(diagonal)}


def test_one_false_voxel_far_away_hardly_moves_either():
    target = ball(8, (1, 1, 1))
    mask = target.clone()
    mask[0, 0, 0] = True
    found = surface_scores(mask, target, grid(1, 1, 1))
    assert found["hd95_mm"] == 0.0
    assert 0.99 < found["surface_dice"] < 1.0
