"""Image and mask together and apart; what a classifier's answer must not carry along."""

import pytest
import torch
from monai.data import MetaTensor

from tools.transforms.network_mask import NetworkMaskd
from tools.transforms.stack_mask import SplitMaskd, StackMaskd


def item() -> dict:
    image = MetaTensor(torch.rand(1, 6, 8), meta={"filename_or_obj": "a/b.jpg", "spatial_shape": [300, 400]})
    return {"image": image, "lung_mask": (torch.rand(1, 6, 8) > 0.5).float(), "label": 1}


def test_the_mask_becomes_the_second_channel_and_comes_apart_again():
    given = item()
    both = StackMaskd()(given)
    assert both["image"].shape == (2, 6, 8)
    assert "lung_mask" not in both
    assert "lung_mask" in given
    apart = SplitMaskd()(both)
    assert torch.equal(apart["image"], given["image"].as_tensor())
    assert torch.equal(apart["lung_mask"], given["lung_mask"])
    assert both["label"] == 1


def test_of_the_metadata_the_file_name_alone_stays():
    """MONAI Label would resize the two scores to the shape that it finds there."""
    meta = StackMaskd()(item())["image"].meta
    assert meta["filename_or_obj"] == "a/b.jpg"
    assert "spatial_shape" not in meta


def test_sizes_must_agree():
    with pytest.raises(ValueError, match=r"one channel and one size, got \(1, 6, 8\) and \(1, 6, 9\)"):
        StackMaskd()({**item(), "lung_mask": torch.zeros(1, 6, 9)})


def test_a_network_can_draw_the_mask(tmp_path):
    network = torch.nn.Conv2d(1, 1, kernel_size=1)
    torch.save({"weight": torch.full((1, 1, 1, 1), 10.0), "bias": torch.tensor([-5.0])}, tmp_path / "mask.pt")
    image = torch.zeros(1, 20, 20)
    image[:, 5:15, 2:9] = 1
    found = NetworkMaskd("image", network, tmp_path / "mask.pt", img_size=40)({"image": image})
    assert found["lung_mask_ok"]
    assert (found["lung_mask"] == image).float().mean() > 0.9
    empty = NetworkMaskd("image", network, tmp_path / "mask.pt", img_size=40)({"image": torch.zeros(1, 20, 20)})
    assert not empty["lung_mask_ok"]
    assert empty["lung_mask"].mean() == 0.25
    with pytest.raises(FileNotFoundError, match="no weights of the lung-mask network at"):
        NetworkMaskd("image", network, tmp_path / "other.pt")
