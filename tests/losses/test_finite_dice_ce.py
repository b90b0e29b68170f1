"""MONAI's loss when all is finite; otherwise exactly the loss of the good samples."""

import pytest
import torch
from monai.losses import DiceCELoss
from torch.utils._python_dispatch import TorchDispatchMode

from tools.losses.finite_dice_ce import FiniteDiceCELoss


def batch(channels: int = 1, grid: tuple[int, ...] = (7, 9)) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and a target for four samples."""
    target = (torch.rand(4, channels, *grid) > 0.7).float()
    return torch.randn(4, channels, *grid) * 3, target


def value_and_gradient(loss, logits, target):
    """The loss and what it sends back into the logits."""
    logits = logits.clone().requires_grad_()
    value = loss(logits, target)
    value.backward()
    return value.detach(), logits.grad


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("per_batch", [True, False])
class TestAgainstMonai:
    def test_equal_when_finite(self, channels, per_batch):
        ours = FiniteDiceCELoss(batch=per_batch)
        theirs = DiceCELoss(sigmoid=True, batch=per_batch)
        for grid in ((7, 9), (4, 5, 6)):
            logits, target = batch(channels, grid)
            mine, other = value_and_gradient(ours, logits, target), value_and_gradient(theirs, logits, target)
            assert torch.equal(mine[0], other[0])
            assert torch.equal(mine[1], other[1])
            assert ours.bad_samples == 0

    @pytest.mark.parametrize("poison", [torch.nan, torch.inf, -torch.inf])
    @pytest.mark.parametrize("where", ["logits", "target"])
    def test_a_bad_sample_is_left_out_and_nothing_else(self, channels, per_batch, poison, where):
        ours, theirs = FiniteDiceCELoss(batch=per_batch), DiceCELoss(sigmoid=True, batch=per_batch)
        logits, target = batch(channels)
        good = [0, 2, 3]
        expected = value_and_gradient(theirs, logits[good], target[good])
        (logits if where == "logits" else target)[1, -1, 2, 3] = poison
        value, gradient = value_and_gradient(ours, logits, target)
        torch.testing.assert_close(value, expected[0])
        torch.testing.assert_close(gradient[good], expected[1])
        assert not gradient[1].any()
        assert ours.bad_samples == 1


def test_weights_and_background_are_those_of_monai():
    logits, target = batch(3)
    ours = FiniteDiceCELoss(include_background=False, smooth=0.1, lambda_dice=0.3, lambda_ce=2.0)
    theirs = DiceCELoss(
        include_background=False, sigmoid=True, batch=True, smooth_nr=0.1, smooth_dr=0.1, lambda_dice=0.3, lambda_ce=2.0
    )
    torch.testing.assert_close(ours(logits, target), theirs(logits, target))


def test_with_no_good_sample_the_value_is_nan_and_the_gradient_zero():
    logits, target = batch()
    loss = FiniteDiceCELoss()
    value, gradient = value_and_gradient(loss, logits * torch.nan, target)
    assert value.isnan()
    assert torch.equal(gradient, torch.zeros_like(gradient))
    assert loss.bad_samples == 4


def test_the_count_is_of_the_last_call_and_without_a_graph():
    logits, target = batch()
    loss = FiniteDiceCELoss()
    bad = logits.clone().requires_grad_()
    loss(bad * torch.tensor([1, torch.nan, torch.nan, 1]).reshape(4, 1, 1, 1), target)
    assert loss.bad_samples == 2
    assert not loss.bad_samples.requires_grad
    loss(logits, target)
    assert loss.bad_samples == 0


def test_large_logits_are_neither_clamped_nor_left_out():
    logits, target = batch()
    value, gradient = value_and_gradient(FiniteDiceCELoss(), logits * 1e4, 1 - (logits > 0).float())
    assert value > 1000
    assert gradient.abs().min() > 0
    assert FiniteDiceCELoss()(logits * 1e4, target).isfinite()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_computed_in_float32_under_autocast(dtype):
    logits, target = batch()
    loss = FiniteDiceCELoss()
    half = logits.to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(half, target.to(dtype))
    assert value.dtype == torch.float32
    assert torch.equal(value, loss(half.float(), target))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.int64])
def test_integer_targets_are_fine(dtype):
    logits, target = batch()
    assert torch.equal(FiniteDiceCELoss()(logits, target.to(dtype)), FiniteDiceCELoss()(logits, target))


class NoValues(TorchDispatchMode):
    """Refuse every operation that needs the value of a tensor on the host."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        assert name not in ("_local_scalar_dense", "nonzero", "equal", "masked_select", "unique_dim"), f"{name} waits"
        return func(*args, **(kwargs or {}))


def test_never_reads_a_value_from_the_device():
    logits, target = batch()
    logits[0] = torch.nan
    logits.requires_grad_()
    with NoValues():
        value = FiniteDiceCELoss()(logits, target)
        value.backward()
    assert value.isfinite()
    with NoValues(), pytest.raises(AssertionError, match="_local_scalar_dense waits"):
        bool(value > 0)


def test_refuses_another_shape():
    with pytest.raises(ValueError, match=r"same shape, got \(4, 1, 7, 9\) and \(4, 3, 7, 9\).*one channel per class"):
        FiniteDiceCELoss()(batch(1)[0], batch(3)[1])
