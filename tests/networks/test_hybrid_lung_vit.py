"""HybridLungViT with both stems: what it computes, what it learns from, and what becomes of it in other forms."""

import copy
import logging

import pytest
import torch
from monai.visualize import CAM

from tools.networks.conv_stem import ConvStem
from tools.networks.deit_stem import DeiTStem
from tools.networks.hybrid_lung_vit import HybridLungViT

TINY = {"img_size": 32, "hidden_size": 16, "mlp_dim": 24, "num_layers": 1, "num_heads": 2, "token_grid": (3, 2)}
DEIT = {"img_size": 32, "patch_size": 8, "hidden_size": 12, "mlp_dim": 16, "num_layers": 2, "num_heads": 2}


def build(stem: str, **options) -> HybridLungViT:
    torch.manual_seed(0)
    made = ConvStem((4, 8)) if stem == "conv" else DeiTStem(**DEIT)
    return HybridLungViT(made, **{**TINY, "feature_size": None if stem == "conv" else 12, **options})


def inputs(samples: int = 2) -> torch.Tensor:
    """Images, and masks whose middle lies at another x in each."""
    torch.manual_seed(1)
    image = torch.rand(samples, 2, 32, 32)
    image[:, 1] = 0
    for number in range(samples):
        image[number, 1, 8:24, 4 + 4 * number : 20 + 6 * number] = 1
    return image


def nearest(size):
    return torch.nn.Upsample(size=tuple(size), mode="nearest-exact")


@pytest.fixture(params=["conv", "deit"])
def network(request) -> HybridLungViT:
    return build(request.param, pooled_head=True)


def test_one_logit_a_class_for_each_image(network):
    logits = network.eval()(inputs(3))
    assert logits.shape == (3, 2)
    torch.testing.assert_close(network(inputs(3)[1:2]), logits[1:2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("auxiliary", [False, True])
def test_every_parameter_gets_a_gradient(network, auxiliary):
    if auxiliary:
        stem = "conv" if isinstance(network.stem, ConvStem) else "deit"
        network = build(stem, auxiliary=True, segmentation_head=True, pooled_head=True)
    out = network.train()(inputs())
    total = out["logits"].square().sum() + out["mask_logits"].square().sum() if auxiliary else out.square().sum()
    total.backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_the_mask_decides_where_the_image_is_cut(network):
    image = inputs(1)
    moved = image.clone()
    moved[:, 1] = 0
    moved[:, 1, 8:24, 16:30] = 1
    network.eval()
    assert not torch.allclose(network(image), network(moved), atol=1e-5)
    symmetric, whole = image.clone(), image.clone()
    symmetric[:, 1] = 0
    whole[:, 1] = 1
    torch.testing.assert_close(network(symmetric), network(whole))  # without a mask: the middle, as for a full one


def test_a_mirrored_image_swaps_the_sides(network):
    """With one embedding for both sides and a symmetric place of tokens the mirror image has the same logits."""
    if not isinstance(network.stem, ConvStem):
        pytest.skip("position embeddings of the stem tell left from right")
    with torch.no_grad():
        for layer in network.stem.modules():
            if isinstance(layer, torch.nn.Conv2d):
                layer.weight.copy_((layer.weight + layer.weight.flip(3)) / 2)
                layer.stride = (1, 1)  # an even stride sees other columns in the mirror
        for encoder in (network.side_encoder, network.whole_encoder):
            encoder.kind.zero_()
            encoder.position.zero_()
    image = inputs(2)
    network.eval()
    torch.testing.assert_close(network(image.flip(3)), network(image), rtol=1e-4, atol=1e-5)
    attention = network.attention_map(image)
    torch.testing.assert_close(network.attention_map(image.flip(3)).flip(3), attention, rtol=1e-4, atol=1e-5)


def test_attention_is_a_density_on_the_image(network):
    maps = network.eval().attention_map(inputs(3))
    assert maps.shape == (3, 1, 32, 32)
    assert (maps >= 0).all()
    torch.testing.assert_close(maps.sum(dim=(1, 2, 3)), torch.ones(3))


def test_auxiliary_parts_are_for_training_only():
    network = build("conv", auxiliary=True, segmentation_head=True)
    parts = network.train()(inputs())
    assert parts["mask_logits"].shape == parts["mask"].shape == (2, 1, 32, 32)
    torch.testing.assert_close(parts["attention"].sum(dim=1), torch.ones(2))
    assert parts["lung"].shape == parts["attention"].shape == (2, 12)
    assert 0 <= parts["lung"].min() < parts["lung"].max() <= 1 + 1e-6
    assert torch.is_tensor(network.eval()(inputs()))


def test_the_mean_of_the_map_answers_beside_the_tokens():
    network = build("conv", pooled_head=True).eval()
    with torch.no_grad():
        both, of_mean = network(inputs()), network.pooled_head(network.features(inputs()).mean(dim=(2, 3)))
        network.pooled_head = None
        torch.testing.assert_close(both - network(inputs()), of_mean)
    assert of_mean.abs().min() > 0


def test_the_activation_map_adds_up_to_the_answer_of_the_mean():
    network = build("conv", pooled_head=True).eval()
    with torch.no_grad():
        places, logits = network.activation_map(inputs()), network.pooled_head(network.features(inputs()).mean((2, 3)))
        bias = network.pooled_head[-1].bias
        expected = (logits - bias)[:, 1] - (logits - bias)[:, 0]
        torch.testing.assert_close(places.mean(dim=(1, 2, 3)), expected)
        assert places.shape == (2, 1, 32, 32)
        brighter = inputs()
        brighter[:, 0, 24:, :8] = 1
        changed = (network.activation_map(brighter) - places).abs()
    assert changed[..., 24:, :8].mean() > 5 * changed[..., :8, 24:].mean()
    assert build("conv").activation_map(inputs()) is None


@pytest.mark.parametrize("stem", ["conv", "deit"])
def test_the_activation_map_is_that_of_monai(stem):
    network = build(stem, pooled_head=True, feature_size=None).eval()
    with torch.no_grad():
        ours, bias = network.activation_map(inputs()), network.pooled_head[-1].bias
        cam = CAM(network, "project", "pooled_head", postprocessing=lambda places: places, upsampler=nearest)
        theirs = cam(inputs(), class_idx=[1, 1]) - cam(inputs(), class_idx=[0, 0])
    torch.testing.assert_close(ours, theirs - (bias[1] - bias[0]))


def test_weights_of_another_size_fit_and_warn(caplog):
    small, large = build("conv"), build("conv", img_size=64)
    small.load_state_dict(large.state_dict())
    assert caplog.messages[0].startswith("these weights were trained with img_size [64, 64], this network")
    again = build("conv", img_size=64)
    again.load_state_dict(large.state_dict())
    older = {name: value for name, value in large.state_dict().items() if name != "trained_size"}
    again.load_state_dict(older)
    assert len(caplog.messages) == 1
    assert "trained_size" not in older
    small_again = build("conv")
    small_again.load_state_dict(small.state_dict())  # what is trained on is of the size it is built with
    assert len(caplog.messages) == 1


def test_traced_and_exported_forms_agree(network):
    network.eval()
    traced = torch.jit.trace(network, inputs(), check_trace=False)
    exported = torch.export.export(network, (inputs(),), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)).module()
    with torch.no_grad():
        for form in (traced, exported):
            torch.testing.assert_close(form(inputs()), network(inputs()), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(exported(inputs(3)), network(inputs(3)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("pooled_head", [False, True])
def test_the_convolutional_network_can_be_scripted(pooled_head):
    network = build("conv", auxiliary=True, segmentation_head=True, pooled_head=pooled_head).eval()
    scripted = torch.jit.script(network)
    torch.testing.assert_close(scripted(inputs()), network(inputs()), rtol=1e-4, atol=1e-5)


def test_dropout_is_another_name_of_dropout_rate():
    def rates(network):
        return {part.p for name, part in network.named_modules() if isinstance(part, torch.nn.Dropout)}

    assert rates(build("conv").head) == {0.1}
    assert rates(build("conv", dropout_rate=0.3, dropout=0.2).head) == {0.2}


def test_an_input_of_another_shape_is_refused():
    for wrong in (torch.rand(1, 1, 32, 32), torch.rand(1, 2, 32, 48)):
        with pytest.raises(ValueError, match=r"takes \(B, 2, 32, 32\), image and lung mask, got"):
            build("conv")(wrong)


class TestPretrained:
    @pytest.fixture
    def saved(self, tmp_path):
        """A stem saved as the Hub serves weights."""
        torch.manual_seed(3)
        stem = DeiTStem(**DEIT)
        torch.nn.init.normal_(stem.model.embeddings.position_embeddings)
        stem.model.save_pretrained(tmp_path / "weights")
        return stem, tmp_path / "weights"

    def test_a_local_folder_of_safetensors_is_read(self, saved, caplog):
        stem, folder = saved
        assert (folder / "model.safetensors").is_file()
        with caplog.at_level(logging.INFO):
            other = DeiTStem(**DEIT, weights=str(folder))
        image = torch.rand(2, 1, 32, 32)
        torch.testing.assert_close(other.eval()(image), stem.eval()(image))
        assert "weights of the stem from the folder" in caplog.text
        whole = HybridLungViT(copy.deepcopy(other), **TINY).eval()
        torch.testing.assert_close(whole.stem(image), stem(image))  # not initialised anew

    def test_another_image_size_resizes_the_positions(self, saved):
        stem, folder = saved
        larger = DeiTStem(**{**DEIT, "img_size": 48}, weights=str(folder))
        assert larger(torch.rand(1, 1, 48, 48)).shape == (1, 12, 6, 6)
        own = stem.model.embeddings.position_embeddings[:, 1:]
        other = larger.model.embeddings.position_embeddings[:, 1:]
        assert torch.allclose(own.mean(), other.mean(), atol=0.1)

    def test_another_architecture_is_refused(self, saved):
        with pytest.raises(ValueError, match=r"another architecture: \d+ of \d+ tensors differ"):
            DeiTStem(**{**DEIT, "num_layers": 3}, weights=str(saved[1]))

    def test_a_folder_that_is_not_there_is_not_looked_for_elsewhere(self, monkeypatch):
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        with pytest.raises(OSError, match="no weights of the stem at nowhere/at_all"):
            DeiTStem(**DEIT, weights="nowhere/at_all")

    def test_sizes_must_fit(self):
        with pytest.raises(ValueError, match=r"whole patches of 8 pixels.*Try img_size=\[40, 40\]"):
            DeiTStem(**{**DEIT, "img_size": 39})
