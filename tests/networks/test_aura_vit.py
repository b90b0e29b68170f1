"""What is AuraViT's own: the numbers, the taps, the sizes it takes, weights across sizes."""

import pytest
import torch
from torch import nn

from tests.networks.small_aura import NARROW
from tools.layers.aspp import AtrousConv
from tools.layers.attention_gate import AttentionGate
from tools.networks.aura_decoder import AuraDecoder, stage_strides
from tools.networks.aura_vit import AuraViT, even_layers
from tools.networks.vit_encoder import ViTEncoder


@pytest.fixture(scope="module")
def default():
    """The network as built without arguments, without memory for its weights."""
    with torch.device("meta"):
        return AuraViT()


class TestDefaultNumbers:
    def test_encoder(self, default):
        encoder = default.encoder
        assert encoder.embedding.projection.kernel_size == encoder.embedding.projection.stride == (16, 16)
        assert encoder.embedding.position.shape == (1, 768, 16, 16)
        assert encoder.layers_to_skip == [3, 6, 9, 12]
        assert [isinstance(norm, nn.LayerNorm) for norm in encoder.norms] == [n % 3 == 0 for n in range(1, 13)]
        assert len(encoder.layers) == 12
        for layer in encoder.layers:
            assert layer.norm_first
            assert layer.attention.num_heads == 12
            assert layer.mlp[0].weight.shape == (3072, 768)
            assert {layer.attention.dropout_rate, layer.dropout.p, layer.mlp[2].p, layer.mlp[4].p} == {0.1}
        assert encoder.embedding.dropout.p == 0.1

    def test_decoder(self, default):
        decoder = default.decoder
        assert [stage.up.main[0].out_channels for stage in decoder.stages] == [512, 256, 128, 64]
        assert [stage.up.main[0].stride for stage in decoder.stages] == [(2, 2)] * 4
        assert [stage.merge.main[0].in_channels for stage in decoder.stages] == [1024, 512, 256, 128]
        assert [isinstance(stage.gate, AttentionGate) for stage in decoder.stages] == [True] * 4
        assert {m.p for m in decoder.stages.modules() if isinstance(m, nn.Dropout2d)} == {0.05}
        assert [m.rate for m in decoder.aspp.modules() if isinstance(m, AtrousConv)] == [6, 12, 18]
        assert decoder.aspp.dropout.p == 0.1
        assert decoder.out.weight.shape == (1, 64, 1, 1)

    def test_parameters(self, default):
        assert sum(p.numel() for p in default.parameters()) == 135_260_037


def test_starts_near_zero_so_that_every_class_is_undecided():
    network = AuraViT(img_size=32, patch_size=8, **NARROW).eval()
    logits = network(torch.randn(2, 1, 32, 32))
    assert logits.abs().max() < 0.1
    assert not network.decoder.out.bias.any()


class TestSkips:
    def test_tokens_are_tapped_after_the_named_layers_each_with_its_own_norm(self):
        encoder = ViTEncoder(2, 1, 16, 8, 8, 16, num_layers=5, num_heads=2, layers_to_skip=(1, 3, 5)).eval()
        for norm in encoder.norms:
            if isinstance(norm, nn.LayerNorm):
                nn.init.normal_(norm.weight)
        x = torch.randn(2, 1, 16, 16)
        tokens, expected = encoder.embedding(x), []
        for number, layer in enumerate(encoder.layers, start=1):
            tokens = layer(tokens)
            if number in (1, 3, 5):
                expected.append(encoder.norms[number - 1](tokens))
        taken = encoder(x)
        assert len(taken) == 3
        for mine, other in zip(taken, expected, strict=True):
            assert torch.equal(mine, other)

    @pytest.mark.parametrize("gated", [True, False])
    def test_every_depth_reaches_the_logits_the_deepest_twice(self, gated):
        decoder = AuraDecoder(2, 6, 1, (2, 3), 16, (8, 6, 4, 4), gated=gated).eval()
        tokens = [torch.randn(1, 6, 6, requires_grad=True) for _ in range(4)]
        decoder(tokens).square().sum().backward()
        assert [bool(t.grad.any()) for t in tokens] == [True] * 4
        assert any(isinstance(m, AttentionGate) for m in decoder.modules()) == gated

    def test_the_shallowest_tokens_feed_the_finest_stage(self):
        decoder = AuraDecoder(2, 6, 1, (2, 2), 8, (8, 6, 4), aspp_rates=(1,)).eval()
        seen = {}
        for number, stage in enumerate(decoder.stages):
            stage.skip.register_forward_hook(lambda _, args, out, number=number: seen.update({number: (args[0], out)}))
        tokens = [torch.full((1, 4, 6), float(depth)) for depth in (1, 2, 3)]
        decoder(tokens)
        assert [seen[number][0].flatten()[0].item() for number in range(3)] == [3, 2, 1]
        assert [tuple(seen[number][1].shape) for number in range(3)] == [(1, 8, 4, 4), (1, 6, 8, 8), (1, 4, 16, 16)]

    def test_a_token_lands_on_its_own_patch(self):
        decoder = AuraDecoder(2, 6, 1, (2, 3), 8, (8, 6, 4))
        tokens = torch.arange(36.0).reshape(1, 6, 6)
        token_map = decoder.to_map(tokens)
        assert torch.equal(token_map[0, :, 1, 2], tokens[0, 5])
        assert token_map.is_contiguous(memory_format=torch.channels_last)
        assert token_map.data_ptr() == tokens.data_ptr()


@pytest.mark.parametrize(
    ("patch", "stages", "strides"),
    [(16, 4, [2, 2, 2, 2]), (8, 4, [1, 2, 2, 2]), (4, 4, [1, 1, 2, 2]), (32, 4, [4, 2, 2, 2]), (16, 2, [8, 2])],
)
def test_strides_lead_from_the_tokens_to_the_image(patch, stages, strides):
    assert stage_strides((patch, patch), stages) == [(stride, stride) for stride in strides]


@pytest.mark.parametrize("patch_size", [4, 8, 16, 32, (16, 8)])
@pytest.mark.parametrize("img_size", [32, (64, 32)])
def test_any_size_divisible_by_the_patch(img_size, patch_size):
    network = AuraViT(img_size=img_size, patch_size=patch_size, **NARROW).eval()
    size = (img_size, img_size) if isinstance(img_size, int) else img_size
    assert network(torch.rand(1, 1, *size)).shape == (1, 1, *size)


class TestRefusals:
    def test_part_of_a_patch(self):
        with pytest.raises(
            ValueError, match=r"img_size=\(250, 256\), patch_size=\(16, 16\).*nearest valid size is \(256, 256\)"
        ):
            AuraViT(img_size=(250, 256))

    @pytest.mark.parametrize(("patch", "nearest"), [(12, "8, 8"), (64, "32, 32"), (1, "4, 4")])
    def test_a_patch_that_is_no_power_of_two_in_range(self, patch, nearest):
        with pytest.raises(ValueError, match=rf"one of \(4, 8, 16, 32\).*got \({patch}, {patch}\). Try \({nearest}\)"):
            AuraViT(img_size=192, patch_size=patch, **NARROW)

    def test_taps_and_stages_of_different_number(self):
        with pytest.raises(ValueError, match=r"equally long, got \(2, 4\) and \(12, 8, 6, 4\)"):
            AuraViT(img_size=32, layers_to_skip=(2, 4), **NARROW)

    @pytest.mark.parametrize("taps", [(1, 2, 3), (3, 2, 4), (0, 2, 4), (2, 2, 4), ()])
    def test_taps_that_leave_layers_unused_or_do_not_rise(self, taps):
        with pytest.raises(ValueError, match=r"rise from at least 1 and end with num_layers=4, got"):
            ViTEncoder(img_size=16, num_layers=4, layers_to_skip=taps)

    def test_more_stages_than_layers(self):
        with pytest.raises(ValueError, match="got 3 layers for 4 stages.*num_layers=4"):
            even_layers(3, 4)


@pytest.mark.parametrize(
    ("layers", "taps"), [(12, (3, 6, 9, 12)), (24, (6, 12, 18, 24)), (6, (1, 3, 4, 6)), (4, (1, 2, 3, 4))]
)
def test_taps_scale_with_the_depth(layers, taps):
    assert even_layers(layers, 4) == taps


@pytest.mark.parametrize("sizes", [(32, 64), (64, (32, 96))])
def test_weights_load_into_another_image_size(sizes):
    torch.manual_seed(0)
    one, two = (AuraViT(img_size=size, patch_size=8, **NARROW) for size in sizes)
    assert set(one.state_dict()) == set(two.state_dict())
    two.load_state_dict(one.state_dict())
    for (name, mine), other in zip(one.named_parameters(), two.parameters(), strict=True):
        assert name == "encoder.embedding.position" or torch.equal(mine, other)
    assert torch.isfinite(two.eval()(torch.rand(1, 1, *two.encoder.embedding.img_size))).all()


def test_forward_never_waits_for_a_value():
    from torch.utils._python_dispatch import TorchDispatchMode

    class NoValues(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            assert func.overloadpacket.__name__ not in ("_local_scalar_dense", "nonzero", "equal")
            return func(*args, **(kwargs or {}))

    network = AuraViT(img_size=32, patch_size=8, **NARROW).train()
    with NoValues():
        network(torch.full((1, 1, 32, 32), torch.nan)).sum().backward()
