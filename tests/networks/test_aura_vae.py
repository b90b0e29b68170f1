"""What is AuraVAE's own: the latent path, and that evaluation never samples."""

import pytest
import torch
from torch import nn

from tests.networks.small_aura import SMALL
from tools.layers.attention_gate import AttentionGate
from tools.losses.aura_vae_loss import AuraVAELoss, kl_divergence
from tools.networks.aura_vae import AuraVAE
from tools.networks.aura_vit import AuraViT


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = AuraVAE(**SMALL)
    nn.init.xavier_uniform_(network.decoder.out.weight)  # as loud as a trained one
    return network


@pytest.fixture(scope="module")
def default():
    """The network as built without arguments, without memory for its weights."""
    with torch.device("meta"):
        return AuraVAE()


class TestDefaultNumbers:
    def test_encoder_is_that_of_aura_vit_but_post_norm(self, default):
        with torch.device("meta"):
            other = AuraViT()
        shapes = [{name: p.shape for name, p in each.encoder.named_parameters()} for each in (default, other)]
        assert shapes[0] == shapes[1]
        assert default.encoder.layers_to_skip == other.encoder.layers_to_skip == [3, 6, 9, 12]
        assert {layer.norm_first for layer in default.encoder.layers} == {False}
        assert default.encoder.embedding.dropout.p == 0.1

    def test_decoder_is_that_of_aura_vit_without_gates(self, default):
        with torch.device("meta"):
            other = AuraViT()
        kept = {name: p.shape for name, p in other.decoder.named_parameters() if ".gate." not in name}
        assert {name: p.shape for name, p in default.decoder.named_parameters()} == kept
        assert not any(isinstance(m, AttentionGate) for m in default.modules())

    def test_latent_vectors_and_reconstruction(self, default):
        assert default.latent.mean.weight.shape == default.latent.log_variance.weight.shape == (768, 768)
        assert default.latent.bound == 10.0
        ups = [m for m in default.rebuild.modules() if isinstance(m, nn.ConvTranspose2d)]
        assert [m.out_channels for m in ups] == [512, 256, 128, 64]
        assert default.rebuild[-1].weight.shape == (1, 64, 1, 1)
        assert {m.p for m in default.rebuild.modules() if isinstance(m, nn.Dropout2d)} == {0.05}

    def test_parameters(self, default):
        assert sum(p.numel() for p in default.parameters()) == 144_625_794


class TestLatentPath:
    def test_starts_close_to_the_standard_normal_distribution(self, network):
        output = network.train()(torch.rand(2, 1, 32, 32))
        assert 0 < kl_divergence(output["mean"], output["log_variance"]) < 0.02 * SMALL["hidden_size"]

    def test_evaluation_uses_the_mean_and_draws_no_random_number(self, network):
        image = torch.rand(2, 1, 32, 32)
        network.eval()
        state = torch.get_rng_state()
        logits = network(image)
        assert torch.equal(state, torch.get_rng_state())
        tokens = network.encoder(image)
        mean, _ = network.latent(tokens[-1])
        assert torch.equal(logits, network.decoder(tokens[:-1] + [mean]))

    def test_training_uses_one_sample_for_logits_and_reconstruction(self, network):
        image = torch.rand(2, 1, 32, 32)
        seen = {}
        network.decoder.register_forward_hook(lambda _, args, out: seen.update(tokens=args[0][-1]))
        network.rebuild.register_forward_hook(lambda _, args, out: seen.update(map=args[0]))
        output = network.train()(image)
        assert torch.equal(network.decoder.to_map(seen["tokens"]), seen["map"])
        noise = (seen["tokens"] - output["mean"]) / torch.exp(0.5 * output["log_variance"])
        assert noise.abs().min() > 0
        assert noise.std().item() == pytest.approx(1.0, abs=0.1)
        assert output["image"] is image

    def test_reconstruction_is_of_the_mean_and_sees_nothing_else(self, network):
        image = torch.rand(1, 2, 32, 32)[:, :1]
        network.eval()
        expected = network.rebuild(network.decoder.to_map(network.latent.mean(network.encoder(image)[-1])))
        assert torch.equal(network.reconstruct(image), expected)
        nn.init.zeros_(network.latent.mean.weight)
        assert torch.equal(network.reconstruct(image), network.reconstruct(1 - image))

    def test_scripted_in_training_mode_it_still_answers_with_logits(self, network):
        image = torch.rand(1, 1, 32, 32)
        scripted = torch.jit.script(network.train()).eval()
        with torch.no_grad():
            assert torch.equal(scripted(image), network.eval()(image))


def test_learns_to_rebuild_and_to_segment():
    torch.manual_seed(0)
    network = AuraVAE(**SMALL, dropout_rate=0.0, decoder_dropout_rate=0.0, aspp_dropout_rate=0.0, aspp_rates=(1, 2))
    loss_function = AuraVAELoss(reconstruction_weight=1.0, kl_weight=1e-4)
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)
    image = torch.zeros(4, 1, 32, 32)
    for number in range(4):
        image[number, :, 4 * number : 4 * number + 12, 8:24] = 1.0
    history = []
    for _ in range(60):
        optimizer.zero_grad()
        loss_function(network(image), image).backward()
        optimizer.step()
        history.append({name: float(value) for name, value in loss_function.parts.items()})
    assert history[-1]["loss_segmentation"] < 0.6 * history[0]["loss_segmentation"]
    assert history[-1]["loss_reconstruction"] < 0.5 * image.var().item()  # more than the mean grey
    rebuilt = network.eval().reconstruct(image)
    errors = (rebuilt[:, None] - image[None]).square().mean(dim=(2, 3, 4))
    assert errors.argmin(dim=1).tolist() == [0, 1, 2, 3], "each image is rebuilt as itself"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_mixed_precision_keeps_the_latent_path_in_float32(network, dtype):
    nn.init.constant_(network.latent.log_variance.bias, 1e4)  # exp of this would overflow in any precision
    with torch.autocast("cpu", dtype=dtype):
        output = network.train()(torch.rand(2, 1, 32, 32))
        loss = AuraVAELoss()(output, torch.zeros(2, 1, 32, 32))
    assert output["mean"].dtype == output["log_variance"].dtype == torch.float32
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() and p.grad.any() for p in network.latent.parameters())


def test_forward_in_training_never_waits_for_a_value(network):
    from torch.utils._python_dispatch import TorchDispatchMode

    class NoValues(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            assert func.overloadpacket.__name__ not in ("_local_scalar_dense", "nonzero", "equal")
            return func(*args, **(kwargs or {}))

    image = torch.full((1, 1, 32, 32), torch.nan)
    with NoValues():
        AuraVAELoss()(network.train()(image), image).backward()


def test_refuses_what_aura_vit_refuses():
    with pytest.raises(ValueError, match=r"equally long, got \(2, 4\) and \(12, 8, 6, 4\)"):
        AuraVAE(**SMALL, layers_to_skip=(2, 4))
    with pytest.raises(ValueError, match=r"nearest valid size is \(32, 40\)"):
        AuraVAE(**{**SMALL, "img_size": (32, 37)})
