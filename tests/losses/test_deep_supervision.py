"""The weighted sum over depths, and the loss itself where there are none."""

import pytest
import torch

from tools.losses.deep_supervision import DeepSupervisionLoss
from tools.losses.loss_named import LOSSES, loss_named
from tools.networks.attention_unet import AttentionUNet


def depths(count=4):
    return torch.randn(2, count, 2, 6, 7), (torch.rand(2, 1, 6, 7) > 0.8).float()


@pytest.mark.parametrize("name", LOSSES)
def test_values_and_gradients_are_those_of_a_plain_loop(name):
    logits, target = depths()
    mine, other = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    value = DeepSupervisionLoss(loss_named(name))(mine, target)
    value.backward()
    total = 0.0
    for depth, weight in enumerate([1.0, 0.4, 0.2, 0.1]):
        total = total + weight * loss_named(name)(other[:, depth], target)
    total.backward()
    assert abs(value - total) <= 1e-6
    assert (mine.grad - other.grad).abs().max() <= 1e-6


def test_without_depths_it_is_the_loss_itself():
    logits, target = depths()
    assert torch.equal(
        DeepSupervisionLoss(loss_named("dice_bce"))(logits[:, 0], target), loss_named("dice_bce")(logits[:, 0], target)
    )


def test_volumes_with_depths_are_no_longer_plane():
    volume, target = torch.randn(1, 2, 4, 5, 6), torch.zeros(1, 1, 4, 5, 6)
    loss = DeepSupervisionLoss(loss_named("ce"))
    assert torch.equal(loss(volume, target), loss_named("ce")(volume, target))
    assert loss(volume[:, None], target) == pytest.approx(loss_named("ce")(volume, target).item())


@pytest.mark.parametrize("bad", [[0], [3], [0, 2, 3]])
def test_a_sample_is_counted_once_however_many_of_its_depths_are_bad(bad):
    logits, target = depths()
    logits[1, bad, 0, 2, 3] = torch.nan
    loss = DeepSupervisionLoss(loss_named("dice_bce"))
    assert loss(logits, target).isnan()
    assert loss.bad_samples == 1
    assert loss(torch.zeros(2, 2, 6, 7), target).isfinite()
    assert loss.bad_samples == 0


def test_fits_a_network_in_training_and_in_evaluation():
    network, loss = (
        AttentionUNet(features=(4, 6, 8), deep_supervision=True),
        DeepSupervisionLoss(loss_named("dice_bce")),
    )
    image, target = torch.randn(2, 1, 16, 16), torch.zeros(2, 1, 16, 16)
    assert loss(network.train()(image), target) > loss(network.eval()(image), target) > 0


def test_more_depths_than_weights():
    logits, target = depths()
    with pytest.raises(
        ValueError, match=r"there are 4 depths of logits and 2 weights \[1.0, 0.4\]; give a weight a depth"
    ):
        DeepSupervisionLoss(loss_named("ce"), weights=(1, 0.4))(logits, target)


@pytest.mark.parametrize("weights", [(), (0.0, 0.0), (1.0, -0.1)])
def test_weights_that_weigh_nothing(weights):
    with pytest.raises(ValueError, match=r"0 or more with one above 0, got"):
        DeepSupervisionLoss(loss_named("ce"), weights=weights)


def test_its_text_tells_runs_apart():
    texts = {str(DeepSupervisionLoss(loss_named(name), weights)) for name in LOSSES for weights in ((1, 0.4), (1, 0.5))}
    assert len(texts) == 2 * len(LOSSES)
    assert "weights=[1.0, 0.4]" in str(DeepSupervisionLoss(loss_named("dice"), (1, 0.4)))
