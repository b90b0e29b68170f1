"""HuFloord: padding becomes air, and what is not finite survives the whole preprocessing."""

import pytest
import torch
from monai.data import MetaTensor

from tools.datasets.slice_dataset import compact
from tools.transforms.hu_floor import HuFloord
from tools.transforms.hu_windows import HuWindowsd
from tools.transforms.plane_spacing import PlaneSpacingd


def test_padding_becomes_air_and_the_rest_stays():
    values = torch.tensor([-3024, -2048, -1024, -1000, 40, 3000], dtype=torch.int16)
    volume = MetaTensor(values.view(1, 6, 1, 1), affine=torch.eye(4) * 2)
    out = HuFloord(keys="image")({"image": volume})["image"]
    assert out.flatten().tolist() == [-1024, -1024, -1024, -1000, 40, 3000]
    assert out.dtype == torch.float32
    assert torch.equal(out.affine, volume.affine)
    assert volume.flatten().tolist() == values.tolist()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("spacing_mm", [1.0, 1.5])
def test_what_is_not_finite_is_still_so_when_the_guard_sees_it(bad, spacing_mm):
    volume = MetaTensor(torch.full((1, 7, 7, 2), 40.0), affine=torch.eye(4, dtype=torch.float64))
    volume[0, 3, 3, 1] = bad
    item = {"image": volume, "label": torch.zeros(1, 7, 7, 2)}
    for transform in (HuFloord("image"), PlaneSpacingd("image", [spacing_mm] * 2), HuWindowsd("image")):
        item = transform(item)
    assert not torch.isfinite(compact(item)["image"][..., 1]).all()
    assert torch.isfinite(compact(item)["image"][..., 0]).all()
