"""What is the Attention U-Net's own: the numbers, gates, odd sizes, logits of every depth."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tools.layers.attention_gate import AttentionGate
from tools.networks.attention_unet import AttentionUNet

SMALL = {"features": (4, 6, 8, 10, 10)}


@pytest.fixture(scope="module")
def default():
    """The network as built without arguments, without memory for its weights."""
    with torch.device("meta"):
        return AttentionUNet()


class TestDefaultNumbers:
    def test_levels(self, default):
        assert [block.main[4].out_channels for block in (default.stem, *default.down)] == [64, 128, 256, 512, 512]
        assert [stage.merge.main[4].out_channels for stage in default.up] == [512, 256, 128, 64]
        assert [stage.merge.main[0].in_channels for stage in default.up] == [1024, 768, 384, 192]
        assert default.out.weight.shape == (2, 64, 1, 1)

    def test_a_gate_on_each_of_four_skips(self, default):
        gates = [stage.gate for stage in default.up]
        assert all(isinstance(gate, AttentionGate) for gate in gates)
        assert [gate.project_skip.in_channels for gate in gates] == [512, 256, 128, 64]
        assert [gate.project_gate.in_channels for gate in gates] == [512, 512, 256, 128]

    def test_parameters(self, default):
        with torch.device("meta"):
            plain = AttentionUNet(attention=False)
        # a gate from g to s channels: h = s / 2, (g + 1) h + s h + h + 1
        gates = 262_657 + 98_561 + 24_705 + 6_209
        assert sum(p.numel() for p in plain.parameters()) == 19_585_218
        assert sum(p.numel() for p in default.parameters()) == 19_585_218 + gates
        assert not [module for module in plain.modules() if isinstance(module, AttentionGate)]


@pytest.mark.parametrize("attention", [True, False])
@pytest.mark.parametrize("size", [(33, 50), (16, 16), (5, 3), (1, 17)])
def test_any_size_comes_back(size, attention):
    network = AttentionUNet(attention=attention, **SMALL).eval()
    logits = network(torch.randn(1, 1, *size))
    assert logits.shape == (1, 2, *size)
    assert torch.isfinite(logits).all()


def test_odd_volumes_come_back():
    assert AttentionUNet(spatial_dims=3, **SMALL).eval()(torch.randn(1, 1, 9, 16, 5)).shape == (1, 2, 9, 16, 5)


def test_the_image_is_neither_shifted_nor_mirrored():
    network = AttentionUNet(features=(4, 6)).eval()
    image = torch.zeros(1, 1, 48, 64)
    image[0, 0, 18, 41] = 10.0
    change = (network(image) - network(torch.zeros_like(image))).abs().sum(1)[0]
    rows, columns = torch.nonzero(change > 1e-6).float().T
    # symmetric about the pixel, but for the pooling grid of two
    assert (rows.min() + rows.max()) / 2 == pytest.approx(18, abs=1)
    assert (columns.min() + columns.max()) / 2 == pytest.approx(41, abs=1)


def test_gating_before_interpolation_is_gating_after_it():
    gate = AttentionGate(2, 6, 4)
    coarse, skip = torch.randn(1, 6, 8, 8), torch.randn(1, 4, 16, 16)
    fine = F.interpolate(coarse, size=(16, 16), mode="bilinear", align_corners=False)
    torch.testing.assert_close(gate(coarse, skip), gate(fine, skip), rtol=1e-5, atol=1e-6)


def test_a_closed_gate_takes_its_skip_away():
    network = AttentionUNet(**SMALL).eval()
    for stage in network.up:
        nn.init.zeros_(stage.gate.score.weight)
        nn.init.constant_(stage.gate.score.bias, -1e4)
    seen = []
    network.up[-1].merge.register_forward_hook(lambda _, args, out: seen.append(args[0]))
    network(torch.randn(1, 1, 16, 16))
    assert not seen[0][:, :4].any()
    assert seen[0][:, 4:].any()


class TestDeepSupervision:
    def test_training_gives_a_stage_each_and_evaluation_the_finest(self):
        network = AttentionUNet(deep_supervision=True, **SMALL)
        image = torch.randn(2, 1, 21, 32)
        heads = network.train()(image)
        assert heads.shape == (2, 4, 2, 21, 32)
        torch.testing.assert_close(heads[:, 0], network(image)[:, 0])
        assert network.eval()(image).shape == (2, 2, 21, 32)

    def test_the_coarser_the_later(self):
        """Heads differ from the mean of their own blocks the less the coarser they are."""
        network = AttentionUNet(deep_supervision=True, **SMALL).train()
        heads = network(torch.randn(2, 1, 64, 64))
        rough = [(h - F.interpolate(F.avg_pool2d(h, 2), scale_factor=2)).std() / h.std() for h in heads.unbind(1)]
        assert rough == sorted(rough, reverse=True)

    def test_every_parameter_gets_a_gradient(self):
        network = AttentionUNet(deep_supervision=True, **SMALL).train()
        network(torch.randn(2, 1, 32, 32)).square().mean().backward()
        assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []

    def test_weights_of_the_plain_network_are_a_part_of_it(self):
        plain, supervised = AttentionUNet(**SMALL), AttentionUNet(deep_supervision=True, **SMALL)
        missing = supervised.load_state_dict(plain.state_dict(), strict=False)
        assert missing.unexpected_keys == []
        assert all(".head." in name for name in missing.missing_keys)
        image = torch.randn(1, 1, 32, 32)
        assert torch.equal(plain.eval()(image), supervised.eval()(image))

    def test_scripting_in_training_keeps_the_heads(self):
        network = AttentionUNet(deep_supervision=True, **SMALL).train()
        assert torch.jit.script(network)(torch.randn(2, 1, 32, 32)).shape == (2, 4, 2, 32, 32)


def test_all_wrong_arguments_at_once():
    with pytest.raises(ValueError, match=r"spatial_dims must be 2 or 3, got 4.*out_channels.*0.*features.*\[64\]"):
        AttentionUNet(spatial_dims=4, out_channels=0, features=[64])
