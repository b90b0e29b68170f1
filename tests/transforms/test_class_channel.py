"""One channel, with all that a MetaTensor knows, so that it can still be restored to its grid."""

import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, Invertd

from tools.transforms.class_channel import ClassChanneld
from tools.transforms.plane_spacing import PlaneSpacingd


def test_keeps_the_channel_and_the_meta_data():
    pred = MetaTensor(torch.rand(3, 4, 5, 6), affine=torch.diag(torch.tensor([2.0, 2.0, 3.0, 1.0])))
    kept = ClassChanneld("pred", channel=2)({"pred": pred, "image": pred})
    assert torch.equal(kept["pred"], pred[2:])
    assert kept["pred"].shape == (1, 4, 5, 6)
    assert torch.equal(kept["pred"].affine, pred.affine)
    assert kept["image"] is pred


def test_what_is_kept_can_be_inverted():
    scan = MetaTensor(torch.rand(1, 20, 20, 3), affine=torch.eye(4))
    preprocessing = Compose([PlaneSpacingd("image", spacing_mm=(2.0, 2.0))])
    item = preprocessing({"image": scan})
    item["pred"] = MetaTensor(torch.cat([1 - item["image"], item["image"]]))
    item["pred"].copy_meta_from(item["image"])
    restored = Invertd("pred", preprocessing, "image", nearest_interp=False)(ClassChanneld("pred")(item))["pred"]
    assert restored.shape == scan.shape
    assert torch.equal(restored.affine, scan.affine)
    torch.testing.assert_close(restored[:, ::2, ::2].as_tensor(), scan[:, ::2, ::2].as_tensor())


def test_a_channel_that_is_not_there():
    with pytest.raises(ValueError, match=r"pred has 1 channel\(s\), channel 1 was asked for"):
        ClassChanneld("pred")({"pred": torch.zeros(1, 2, 2)})
