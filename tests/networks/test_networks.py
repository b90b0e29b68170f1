"""The contract of every network: a new network is one row of ``NETWORKS``."""

import copy
import inspect

import pytest
import torch

from tests.networks.small_aura import SMALL
from tools.networks.attention_unet import AttentionUNet
from tools.networks.aura_vae import AuraVAE
from tools.networks.aura_vit import AuraViT

LEVELS = (6, 8, 10, 12, 12)
NETWORKS = [
    pytest.param(AuraViT, {**SMALL, "spatial_dims": 2}, id="AuraViT-2d"),
    pytest.param(
        AuraViT,
        {**SMALL, "spatial_dims": 2, "in_channels": 3, "out_channels": 2, "img_size": (32, 64), "patch_size": 16},
        id="AuraViT-2d-oblong",
    ),
    pytest.param(
        AuraViT,
        {**SMALL, "spatial_dims": 3, "in_channels": 4, "out_channels": 3, "img_size": (16, 8, 24)},
        id="AuraViT-3d",
    ),
    pytest.param(AttentionUNet, {"spatial_dims": 2, "out_channels": 2, "features": LEVELS}, id="AttentionUNet-2d"),
    pytest.param(
        AttentionUNet,
        {"spatial_dims": 2, "in_channels": 3, "out_channels": 1, "features": LEVELS, "attention": False},
        id="UNet-2d",
    ),
    pytest.param(
        AttentionUNet,
        {"spatial_dims": 3, "in_channels": 2, "out_channels": 3, "features": (4, 6, 8, 8)},
        id="AttentionUNet-3d",
    ),
    pytest.param(AuraVAE, {**SMALL, "spatial_dims": 2, "in_channels": 3, "img_size": (32, 64)}, id="AuraVAE-2d"),
    pytest.param(AuraVAE, {**SMALL, "spatial_dims": 3, "out_channels": 2, "img_size": (16, 8, 24)}, id="AuraVAE-3d"),
]


def tensors(output):
    """What a network returns in training: logits alone, or several tensors by name."""
    return list(output.values()) if isinstance(output, dict) else [output]


@pytest.fixture
def built(cls, kwargs):
    """A network, its input of two samples, and the shape its logits must have."""
    torch.manual_seed(0)
    dims = kwargs["spatial_dims"]
    given = kwargs.get("img_size", 32)
    size = given if isinstance(given, tuple) else (given,) * dims
    network = cls(**kwargs)
    *_, out = (module for module in network.modules() if isinstance(module, torch.nn.Conv2d | torch.nn.Conv3d))
    torch.nn.init.xavier_uniform_(out.weight)  # as loud as a trained one
    return network, torch.randn(2, kwargs.get("in_channels", 1), *size), (2, kwargs.get("out_channels", 1), *size)


@pytest.mark.parametrize(("cls", "kwargs"), NETWORKS)
class TestNetwork:
    def test_logits_have_one_channel_per_class_on_the_input_grid(self, built):
        network, image, shape = built
        logits = network.eval()(image)
        assert logits.shape == shape
        assert (logits < 0).any()
        assert (logits > 0).any()

    @pytest.mark.parametrize("samples", [1, 2])
    def test_every_parameter_gets_a_finite_gradient(self, built, samples):
        network, image, _ = built
        sum(part.square().mean() for part in tensors(network.train()(image[:samples]))).backward()
        missing = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
        assert missing == []
        assert all(torch.isfinite(p.grad).all() for p in network.parameters())

    def test_eval_is_repeatable_and_independent_of_the_batch(self, built):
        network, image, _ = built
        network.eval()
        both = network(image)
        assert torch.equal(both, network(image))
        torch.testing.assert_close(network(image[1:]), both[1:], rtol=1e-5, atol=1e-5)

    def test_training_is_random_only_through_the_seed(self, cls, kwargs, built):
        _, image, _ = built
        network = cls(**{**kwargs, "dropout_rate": 0.2})
        first, second = copy.deepcopy(network).train(), copy.deepcopy(network).train()
        torch.manual_seed(1)
        one = tensors(first(image))
        torch.manual_seed(1)
        assert all(map(torch.equal, one, tensors(second(image))))
        assert not all(map(torch.equal, one, tensors(second(image))))

    def test_forward_does_not_change_the_image(self, built):
        network, image, _ = built
        kept = image.clone()
        network.train()(image)
        assert torch.equal(image, kept)

    @pytest.mark.parametrize("export", ["trace", "script"])
    def test_torchscript_agrees(self, built, export, tmp_path):
        network, image, _ = built
        network.eval()
        scripted = torch.jit.trace(network, image) if export == "trace" else torch.jit.script(network)
        scripted.save(tmp_path / "network.ts")
        loaded = torch.jit.load(tmp_path / "network.ts")
        with torch.no_grad():
            torch.testing.assert_close(loaded(image), network(image), rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(loaded(image[:1]), network(image[:1]), rtol=1e-4, atol=1e-4)

    def test_graph_export_agrees(self, built):
        network, image, _ = built
        network.eval()
        exported = torch.export.export(network, (image,)).module()
        with torch.no_grad():
            torch.testing.assert_close(exported(image), network(image), rtol=1e-4, atol=1e-4)

    def test_weights_survive_a_round_trip(self, built, tmp_path):
        network, image, _ = built
        torch.save(network.state_dict(), tmp_path / "model.pt")
        other = copy.deepcopy(network)
        for parameter in other.parameters():
            torch.nn.init.normal_(parameter)
        other.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
        assert torch.equal(other.eval()(image), network.eval()(image))

    def test_bfloat16_autocast_is_close(self, built):
        network, image, _ = built
        network.eval()
        exact = network(image)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = network(image).float()
        assert (rough - exact).abs().mean() < 0.05 * exact.abs().mean() + 0.02

    def test_dropout_is_another_name_of_dropout_rate(self, cls, kwargs):
        def rates(network):
            part = getattr(network, "encoder", network)
            kinds = (torch.nn.Dropout, torch.nn.Dropout2d, torch.nn.Dropout3d)
            return {m.p for m in part.modules() if isinstance(m, kinds)}

        assert rates(cls(**kwargs)) == {inspect.signature(cls).parameters["dropout_rate"].default}
        assert rates(cls(**kwargs, dropout_rate=0.3)) == {0.3}
        assert rates(cls(**kwargs, dropout_rate=0.3, dropout=0.2)) == {0.2}
        assert rates(cls(**kwargs, dropout_rate=0.3, dropout=0.0)) == {0.0}
