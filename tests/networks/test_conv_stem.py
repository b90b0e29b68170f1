import logging

import pytest
import torch

from tools.networks.conv_stem import ConvStem
from tools.networks.hybrid_lung_vit import HybridLungViT


def whole(stem: ConvStem) -> HybridLungViT:
    return HybridLungViT(stem, img_size=32, hidden_size=16, mlp_dim=24, num_layers=1, num_heads=2).eval()


def test_an_image_smaller_than_a_pixel_of_the_map_is_refused():
    stem = ConvStem((4, 8, 8))
    assert stem(torch.rand(1, 1, 8, 16)).shape == (1, 8, 1, 2)
    with pytest.raises(ValueError, match="8 times smaller and takes 8 pixels a side or more, got 7 x 16"):
        stem(torch.rand(1, 1, 7, 16))


class TestConvolutionalWeights:
    @pytest.fixture
    def saved(self, tmp_path):
        """The weights of a whole network, as training leaves them."""
        network = whole(ConvStem((4, 8)))
        torch.save(network.state_dict(), tmp_path / "model.pt")
        return network, str(tmp_path / "model.pt")

    def test_the_stem_of_another_training_is_taken(self, saved, caplog):
        network, file = saved
        torch.manual_seed(9)
        with caplog.at_level(logging.INFO):
            other = whole(ConvStem((4, 8), weights=file))
        image = torch.rand(2, 1, 32, 32)
        assert torch.equal(other.stem(image), network.stem(image))
        assert not torch.equal(other.project[0].weight, network.project[0].weight)
        assert f"weights of the stem from {file}" in caplog.text

    def test_another_stem_is_refused(self, saved):
        for features, blocks in (((4, 16), 1), ((4, 8), 2), ((4, 8, 8), 1), ((4,), 1)):
            with pytest.raises(ValueError, match=r"holds another stem: \d+ tensors differ, first layers"):
                ConvStem(features, blocks, weights=saved[1])

    def test_a_name_of_the_hub_belongs_to_a_deit(self):
        with pytest.raises(OSError, match=r"no weights of the stem at facebook/deit.*configs/deit_base\.json"):
            ConvStem((4, 8), weights="facebook/deit-base-patch16-224")

    def test_none_is_none(self):
        assert ConvStem((4, 8), weights="none")(torch.rand(1, 1, 32, 32)).shape == (1, 8, 8, 8)
