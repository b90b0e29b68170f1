"""The latent distribution: bounded smoothly, sampled as it says, close to the standard normal at the start."""

import pytest
import torch

from tools.layers.latent_head import LatentHead, sample


def passing_head(bound: float = 10.0) -> LatentHead:
    """A head over one number whose raw log-variance is its token."""
    head = LatentHead(1, bound)
    torch.nn.init.ones_(head.log_variance.weight)
    torch.nn.init.zeros_(head.log_variance.bias)
    return head


class TestBound:
    @pytest.mark.parametrize("bound", [2.0, 10.0])
    def test_never_beyond_it_and_always_rising(self, bound):
        raw = torch.tensor([-1e30, -1e4, -50.0, -1.0, 0.0, 1.0, 50.0, 1e4, 1e30]).reshape(1, 9, 1)
        _, log_variance = passing_head(bound)(raw)
        values = log_variance.flatten()
        assert values.abs().max() <= bound
        assert (values.diff() >= 0).all()
        assert torch.isfinite(values.exp().half()).all() == (bound < 11.09)

    def test_close_to_the_raw_value_where_it_is_small(self):
        raw = torch.linspace(-0.1, 0.1, 9).reshape(1, 9, 1)
        torch.testing.assert_close(passing_head()(raw)[1], raw, atol=1.1e-3, rtol=0)

    @pytest.mark.parametrize("raw", [-1e6, -100.0, 0.0, 100.0, 1e6, 65504.0])
    def test_lets_a_gradient_through_everywhere(self, raw):
        token = torch.full((1, 1, 1), raw, requires_grad=True)
        passing_head()(token)[1].sum().backward()
        assert token.grad.item() > 0

    def test_a_value_that_has_run_away_comes_back(self):
        raw = torch.full((1, 1, 1), 1000.0, requires_grad=True)
        optimizer = torch.optim.Adam([raw], lr=100.0)
        for _ in range(12):
            optimizer.zero_grad()
            log_variance = passing_head()(raw)[1]
            (log_variance.exp() - log_variance).sum().backward()  # the KL, smallest at 0
            optimizer.step()
        assert raw.item() < 50

    def test_refuses_a_bound_that_leaves_no_room(self):
        with pytest.raises(ValueError, match="log_variance_bound must be above 0, got 0"):
            LatentHead(4, 0)


def test_starts_close_to_the_standard_normal_distribution():
    torch.manual_seed(0)
    head = LatentHead(256)
    head.init_weights()
    mean, log_variance = head(torch.nn.functional.layer_norm(torch.randn(4, 64, 256), (256,)))
    assert mean.std().item() == pytest.approx(0.1, rel=0.1)
    assert log_variance.std().item() == pytest.approx(0.1, rel=0.1)


def test_samples_have_the_mean_and_variance_asked_for():
    torch.manual_seed(0)
    mean, log_variance = torch.tensor([-2.0, 0.0, 3.0]), torch.tensor([-4.0, 0.0, 1.0])
    drawn = sample(mean.expand(200_000, 3), log_variance.expand(200_000, 3))
    torch.testing.assert_close(drawn.mean(dim=0), mean, atol=0.02, rtol=0)
    torch.testing.assert_close(drawn.var(dim=0), log_variance.exp(), atol=0, rtol=0.02)


def test_sampling_passes_gradients_to_both():
    mean, log_variance = (torch.zeros(2, 3, requires_grad=True) for _ in range(2))
    sample(mean, log_variance).square().sum().backward()
    assert mean.grad.abs().min() > 0
    assert log_variance.grad.abs().min() > 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_float32_under_autocast(dtype):
    head = LatentHead(8)
    with torch.autocast("cpu", dtype=dtype):
        mean, log_variance = head(torch.randn(1, 4, 8))
        assert sample(mean, log_variance).dtype == mean.dtype == log_variance.dtype == torch.float32
