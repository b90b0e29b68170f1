"""HuWindowsd: Hounsfield units to channels in [0, 1]."""

import pytest
import torch
from monai.data import MetaTensor

from tools.transforms.hu_windows import HuWindowsd


def test_each_window_becomes_a_channel():
    values = torch.tensor([-2000.0, -1000.0, -300.0, 400.0, 3000.0])
    volume = MetaTensor(values.view(1, 5, 1, 1), affine=torch.eye(4) * 2)
    out = HuWindowsd(keys="image", windows_hu=[[-1000, 400], [-160, 240]])({"image": volume})["image"]
    assert out.shape == (2, 5, 1, 1)
    assert torch.allclose(out[0].flatten().as_tensor(), torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0]))
    assert torch.allclose(out[1].flatten().as_tensor(), torch.tensor([0.0, 0.0, 0.0, 1.0, 1.0]))
    assert isinstance(out, MetaTensor)
    assert torch.equal(out.affine, volume.affine)


def test_the_input_is_not_changed_and_integers_are_taken():
    volume = torch.tensor([[-1000, 400]], dtype=torch.int16).view(1, 2, 1, 1)
    out = HuWindowsd(keys="image")({"image": volume})["image"]
    assert volume.flatten().tolist() == [-1000, 400]
    assert out.dtype == torch.float32
    assert out.flatten().tolist() == [0.0, 1.0]


def test_wrong_windows_and_channels_are_named():
    with pytest.raises(ValueError, match=r"lower < upper, got \[\[400, -1000\]\]"):
        HuWindowsd(keys="image", windows_hu=[[400, -1000]])
    with pytest.raises(ValueError, match="lower < upper"):
        HuWindowsd(keys="image", windows_hu=[])
    with pytest.raises(ValueError, match=r"one channel of HU under 'image', got shape \(2, 3, 3, 3\)"):
        HuWindowsd(keys="image")({"image": torch.zeros(2, 3, 3, 3)})
