"""The three terms against plain loops, their scale, and how they are weighted and reported."""

import math

import pytest
import torch
from monai.losses import DiceCELoss

from tools.losses.aura_vae_loss import AuraVAELoss, kl_divergence


def output(batch: int = 2, tokens: int = 3, size: int = 4) -> dict[str, torch.Tensor]:
    """What a network might return in training."""
    image = torch.rand(batch, 1, 6, 5)
    return {
        "logits": torch.randn(batch, 1, 6, 5),
        "reconstruction": torch.rand(batch, 1, 6, 5),
        "image": image,
        "mean": torch.randn(batch, tokens, size),
        "log_variance": torch.randn(batch, tokens, size),
    }


def target_of(given):
    return (given["image"] > 0.6).float()


def kl_by_loop(mean, log_variance):
    """KL of each one-dimensional normal distribution, added up over the latent vector, averaged over the rest."""
    total = 0.0
    batch, tokens, size = mean.shape
    for b in range(batch):
        for t in range(tokens):
            for i in range(size):
                mu, variance = float(mean[b, t, i]), math.exp(float(log_variance[b, t, i]))
                total += 0.5 * (mu**2 + variance - 1.0 - math.log(variance))
    return total / (batch * tokens)


class TestTerms:
    def test_each_one_against_a_plain_loop(self):
        given = output()
        loss = AuraVAELoss(reconstruction_weight=0.3, kl_weight=0.02)
        value = loss(given, target_of(given))
        pairs = zip(given["reconstruction"].flatten().tolist(), given["image"].flatten().tolist(), strict=True)
        squares = [(one - other) ** 2 for one, other in pairs]
        expected = {
            "loss_segmentation": float(DiceCELoss(sigmoid=True, batch=True)(given["logits"], target_of(given))),
            "loss_reconstruction": sum(squares) / len(squares),
            "loss_kl": kl_by_loop(given["mean"], given["log_variance"]),
        }
        assert {name: float(loss.parts[name]) for name in expected} == pytest.approx(expected, abs=1e-6, rel=1e-6)
        total = expected["loss_segmentation"] + 0.3 * expected["loss_reconstruction"] + 0.02 * expected["loss_kl"]
        assert value.item() == pytest.approx(total, abs=1e-6)

    def test_kl_is_that_of_torch(self):
        given = output()
        normal = torch.distributions.Normal(given["mean"], (0.5 * given["log_variance"]).exp())
        expected = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0))
        ours = kl_divergence(given["mean"], given["log_variance"])
        torch.testing.assert_close(ours, expected.sum(dim=-1).mean())

    def test_kl_neither_grows_with_the_batch_nor_with_the_tokens_but_with_the_latent_vector(self):
        mean, log_variance = torch.full((1, 1, 1), 2.0), torch.full((1, 1, 1), -1.0)
        one = kl_divergence(mean, log_variance)
        for shape, factor in (((8, 1, 1), 1), ((1, 16, 1), 1), ((1, 1, 32), 32), ((8, 16, 32), 32)):
            torch.testing.assert_close(kl_divergence(mean.expand(shape), log_variance.expand(shape)), factor * one)

    def test_a_standard_normal_costs_nothing_and_everything_else_something(self):
        zero = torch.zeros(2, 3, 4)
        assert kl_divergence(zero, zero) == 0
        for mean, log_variance in ((zero + 0.1, zero), (zero, zero + 0.1), (zero, zero - 0.1)):
            assert kl_divergence(mean, log_variance) > 0


class TestWeights:
    def test_the_first_release_is_the_default(self):
        loss = AuraVAELoss()
        assert (loss.reconstruction_weight, loss.kl_weight, loss.kl_factor) == (0.1, 0.01, 1.0)

    def test_the_factor_moves_the_kl_alone_and_is_reported(self):
        given = output()
        loss = AuraVAELoss()
        full = loss(given, target_of(given))
        assert loss.parts["kl_weight"] == 0.01
        loss.kl_factor = 0.25
        less = loss(given, target_of(given))
        assert loss.parts["kl_weight"] == 0.0025
        torch.testing.assert_close(full - less, 0.0075 * loss.parts["loss_kl"])

    def test_a_weight_of_zero_leaves_only_what_is_left(self):
        given = output()
        loss = AuraVAELoss(0.0, 0.0)
        value = loss(given, target_of(given))
        assert torch.equal(value, loss.parts["loss_segmentation"])

    def test_shown_when_printed_since_a_fingerprint_is_made_of_it(self):
        assert "reconstruction_weight=0.05, kl_weight=0.005" in str(AuraVAELoss(0.05, 0.005))

    def test_negative_ones_are_refused_together(self):
        with pytest.raises(ValueError, match=r"reconstruction_weight must be at least 0, got -1.*kl_weight.*got nan"):
            AuraVAELoss(-1, math.nan)


class TestFinite:
    def test_parts_have_no_graph(self):
        given = output()
        given["mean"].requires_grad_()
        loss = AuraVAELoss()
        assert loss(given, target_of(given)).requires_grad
        assert not any(getattr(part, "requires_grad", False) for part in loss.parts.values())

    def test_bad_logits_are_counted_and_left_out(self):
        given = output()
        given["logits"][1] = torch.nan
        loss = AuraVAELoss()
        assert torch.isfinite(loss(given, target_of(given)))
        assert loss.bad_samples == 1

    @pytest.mark.parametrize("name", ["reconstruction", "mean", "log_variance"])
    @pytest.mark.parametrize("poison", [torch.nan, torch.inf])
    def test_a_bad_reconstruction_or_latent_vector_is_not_hidden(self, name, poison):
        given = output()
        given[name][0, 0, 0] = poison
        assert not torch.isfinite(AuraVAELoss()(given, target_of(given)))

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    def test_computed_in_float32_under_autocast(self, dtype):
        given = {name: tensor.to(dtype) for name, tensor in output().items()}
        given["mean"] = torch.full_like(given["mean"], 300.0)  # its square is beyond float16
        loss = AuraVAELoss()
        with torch.autocast("cpu", dtype=dtype):
            value = loss(given, target_of(given))
        assert value.dtype == torch.float32
        assert torch.equal(value, loss({name: tensor.float() for name, tensor in given.items()}, target_of(given)))
        assert loss.parts["loss_kl"] > 1e5


class TestRefusals:
    def test_logits_of_a_network_in_evaluation_mode(self):
        with pytest.raises(TypeError, match=r"mapping of logits, recon.*got Tensor: call network.train\(\)"):
            AuraVAELoss()(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2))

    def test_a_missing_part(self):
        given = output()
        del given["mean"]
        with pytest.raises(TypeError, match=r"got \['image', 'log_variance', 'logits', 'reconstruction'\]"):
            AuraVAELoss()(given, target_of(given))

    def test_a_reconstruction_of_other_channels(self):
        given = output()
        given["reconstruction"] = given["reconstruction"].repeat(1, 3, 1, 1)
        with pytest.raises(ValueError, match=r"one shape, got \(2, 3, 6, 5\) and \(2, 1, 6, 5\)"):
            AuraVAELoss()(given, target_of(given))
