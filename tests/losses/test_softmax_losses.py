"""Each softmax loss is its formula: a plain loop over images and voxels, in double precision, says the same to 1e-6."""

import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tools.losses.balanced_ce import BalancedCELoss
from tools.losses.dice_bce import DiceBCELoss
from tools.losses.foreground_dice import ForegroundDiceLoss
from tools.losses.loss_named import LOSSES, loss_named
from tools.losses.softmax_loss import SoftmaxLoss


def voxels(logits, target, image):
    """Yield the probabilities and the class of each voxel of an image."""
    columns = logits[image].flatten(1)
    for place, number in enumerate(target[image, 0].flatten().tolist()):
        powers = [torch.exp(value) for value in columns[:, place]]
        yield [power / sum(powers) for power in powers], int(number)


def plain_ce(logits, target):
    terms = [-torch.log(p[c]) for image in range(len(logits)) for p, c in voxels(logits, target, image)]
    return sum(terms) / len(terms)


def plain_balanced_ce(logits, target):
    """For each image: the mean within each class that is there, then the mean of those."""
    of_images = []
    for image in range(len(logits)):
        of_classes = {}
        for p, c in voxels(logits, target, image):
            of_classes.setdefault(c, []).append(-torch.log(p[c]))
        means = [sum(terms) / len(terms) for terms in of_classes.values()]
        of_images.append(sum(means) / len(means))
    return sum(of_images) / len(of_images)


def plain_dice(logits, target, smooth=1.0):
    losses = []
    for number in range(1, logits.shape[1]):
        overlap, predicted, wanted = 0.0, 0.0, 0.0
        for image in range(len(logits)):
            for p, c in voxels(logits, target, image):
                overlap = overlap + p[number] * (c == number)
                predicted = predicted + p[number]
                wanted += c == number
        losses.append(1 - (2 * overlap + smooth) / (predicted + wanted + smooth))
    return sum(losses) / len(losses)


def plain_dice_bce(logits, target):
    return plain_balanced_ce(logits, target) + plain_dice(logits, target)


PLAIN = {"dice": plain_dice, "ce": plain_ce, "balanced_ce": plain_balanced_ce, "dice_bce": plain_dice_bce}


def batch(classes=2, grid=(6, 7)):
    """Four images: a little target, much, none at all, nothing else."""
    torch.manual_seed(classes + len(grid))
    target = torch.zeros(4, 1, *grid)
    target[0, 0, 1, 2] = 1
    target[1] = torch.randint(0, classes, (1, *grid))
    target[3] = classes - 1
    return 2 * torch.randn(4, classes, *grid), target


def value_and_gradient(loss, logits, target):
    logits = logits.clone().requires_grad_()
    value = loss(logits, target)
    value.backward()
    return value.detach().double(), logits.grad.double()


def test_every_name_has_its_plain_loop():
    assert set(PLAIN) == set(LOSSES)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("classes", "grid"), [(2, (6, 7)), (3, (5, 4)), (2, (3, 4, 5))])
def test_values_and_gradients_are_those_of_a_plain_loop(name, classes, grid):
    logits, target = batch(classes, grid)
    mine = value_and_gradient(loss_named(name), logits, target)
    loop = value_and_gradient(PLAIN[name], logits.double(), target)
    assert abs(mine[0] - loop[0]) <= 1e-6
    assert (mine[1] - loop[1]).abs().max() <= 1e-6
    assert mine[1].any()


class TestBalance:
    def test_tumour_and_background_have_half_the_weight_each(self):
        """The gradient of the right class sums up the weights times (p - 1), and p is 1/2 everywhere."""
        target = torch.zeros(1, 1, 16, 16)
        target[0, 0, 3, 4:7] = 1
        _, gradient = value_and_gradient(BalancedCELoss(), torch.zeros(1, 2, 16, 16), target)
        of_tumour = gradient[0, 1][target[0, 0] == 1]
        assert of_tumour.sum().item() == pytest.approx(-0.5 * 0.5)
        assert gradient[0, 0][target[0, 0] == 0].sum().item() == pytest.approx(-0.5 * 0.5)
        assert of_tumour.unique().numel() == 1

    def test_an_image_without_tumour_has_its_plain_mean(self):
        logits = torch.randn(1, 2, 8, 8)
        empty = torch.zeros(1, 1, 8, 8)
        assert BalancedCELoss()(logits, empty).item() == pytest.approx(loss_named("ce")(logits, empty).item(), abs=1e-6)

    def test_images_do_not_share_their_areas(self):
        logits, target = batch()
        alone = [BalancedCELoss()(logits[[i]], target[[i]]) for i in range(4)]
        torch.testing.assert_close(BalancedCELoss()(logits, target), torch.stack(alone).mean())

    def test_one_voxel_of_many_counts_as_much_as_all_others(self):
        target = torch.zeros(1, 1, 512, 512)
        target[0, 0, 100, 200] = 1
        logits = torch.zeros(1, 2, 512, 512)
        logits[:, 0] = 3.0  # background everywhere
        missed, right = math.log(1 + math.exp(3)), math.log(1 + math.exp(-3))
        assert BalancedCELoss()(logits, target).item() == pytest.approx((missed + right) / 2, abs=1e-6)


class TestDice:
    def test_an_empty_batch_without_prediction_costs_nothing(self):
        logits = torch.stack([torch.full((1, 8, 8), 60.0), torch.zeros(1, 8, 8)], dim=1)
        assert ForegroundDiceLoss()(logits, torch.zeros(1, 1, 8, 8)).item() == pytest.approx(0, abs=1e-6)

    def test_smooth_is_counted_in_voxels(self):
        logits = torch.stack([torch.zeros(1, 8, 8), torch.full((1, 8, 8), 60.0)], dim=1)
        empty = torch.zeros(1, 1, 8, 8)
        assert ForegroundDiceLoss()(logits, empty).item() == pytest.approx(1 - 1 / 65, abs=1e-6)
        assert ForegroundDiceLoss(smooth=64.0)(logits, empty).item() == pytest.approx(0.5, abs=1e-6)

    def test_sums_are_over_the_batch(self):
        logits, target = batch()
        alone = [ForegroundDiceLoss()(logits[[i]], target[[i]]) for i in range(4)]
        assert abs(ForegroundDiceLoss()(logits, target) - torch.stack(alone).mean()) > 1e-3


class TestWhatIsNotFinite:
    @pytest.mark.parametrize("name", LOSSES)
    @pytest.mark.parametrize("poison", [torch.nan, torch.inf, -torch.inf])
    @pytest.mark.parametrize("where", ["logits", "target"])
    def test_the_value_is_nan_and_the_samples_are_counted(self, name, poison, where):
        logits, target = batch()
        for sample in (1, 2):
            (logits if where == "logits" else target)[sample, 0, 2, 3] = poison
        loss = loss_named(name)
        value = loss(logits.requires_grad_(), target)
        assert value.isnan()
        assert value.requires_grad
        assert loss.bad_samples == 2
        assert loss(*batch()).isfinite()
        assert loss.bad_samples == 0

    @pytest.mark.parametrize("name", LOSSES)
    def test_large_logits_are_finite_and_keep_their_gradient(self, name):
        logits, target = batch()
        value, gradient = value_and_gradient(loss_named(name), logits * 1e4, target)
        assert value.isfinite()
        assert gradient.isfinite().all()
        if name != "dice":  # the softmax itself is flat there
            assert gradient.any()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_computed_in_float32_under_autocast(name, dtype):
    logits, target = batch()
    half = logits.to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss_named(name)(half, target)
    assert value.dtype == torch.float32
    assert torch.equal(value, loss_named(name)(half.float(), target))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.int64, torch.float16])
def test_targets_of_any_dtype(name, dtype):
    logits, target = batch()
    assert torch.equal(loss_named(name)(logits, target.to(dtype)), loss_named(name)(logits, target))


class NoValues(TorchDispatchMode):
    """Refuse every operation that needs the value of a tensor on the host."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        assert name not in ("_local_scalar_dense", "nonzero", "equal", "masked_select", "unique_dim"), f"{name} waits"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", LOSSES)
def test_never_reads_a_value_from_the_device(name):
    logits, target = batch()
    logits.requires_grad_()
    with NoValues():
        loss_named(name)(logits, target).backward()
    assert logits.grad.any()


def test_dice_bce_is_the_sum_of_both():
    logits, target = batch()
    torch.testing.assert_close(
        DiceBCELoss()(logits, target), BalancedCELoss()(logits, target) + ForegroundDiceLoss()(logits, target)
    )


class TestRefusals:
    def test_an_unknown_name(self):
        with pytest.raises(ValueError, match="one of dice, ce, balanced_ce, dice_bce, got 'focal'"):
            loss_named("focal")

    @pytest.mark.parametrize("channels", [1, 3])
    def test_one_logit_a_voxel_or_a_target_of_several_channels(self, channels):
        with pytest.raises(ValueError, match=rf"two classes or more.*got \(1, {channels}, 4, 4\) and \(1, 3, 4, 4\)"):
            loss_named("ce")(torch.zeros(1, channels, 4, 4), torch.zeros(1, 3, 4, 4))

    def test_a_class_that_has_no_logit(self):
        with pytest.raises(IndexError, match="Target 7 is out of bounds"):
            loss_named("ce")(torch.zeros(1, 2, 4, 4), torch.full((1, 1, 4, 4), 7))

    def test_a_loss_that_compares_nothing(self):
        with pytest.raises(TypeError, match="abstract class SoftmaxLoss .* abstract method '?compare"):
            SoftmaxLoss()
