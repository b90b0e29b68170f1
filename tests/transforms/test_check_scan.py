"""CheckScand: what is refused, and that the message names the file."""

import pytest
import torch
from monai.data import MetaTensor

from tools.transforms.check_scan import CheckScand


def scan(shape=(1, 6, 5, 4), name="ct.nii.gz", affine=None):
    """Return a volume of zeros that knows its file."""
    affine = torch.eye(4, dtype=torch.float64) if affine is None else affine
    return MetaTensor(torch.zeros(shape), affine=affine, meta={"filename_or_obj": name})


def test_a_good_scan_passes_untouched():
    item = {"image": scan(), "label": scan(name="mask.nii.gz"), "other": 3}
    out = CheckScand(keys="image", label_key="label")(item)
    assert out["image"] is item["image"]
    assert out["other"] == 3


def test_one_slice_is_a_volume():
    CheckScand(keys="image", label_key="label")({"image": scan((1, 6, 5, 1)), "label": scan((1, 6, 5, 1))})


@pytest.mark.parametrize("shape", [(1, 6, 5), (3, 6, 5, 4), (1, 6, 5, 4, 2)])
def test_what_is_not_a_volume_is_refused(shape):
    with pytest.raises(ValueError, match=r"image xray.png must be one three-dimensional volume, got \d spatial axes"):
        CheckScand(keys="image")({"image": scan(shape, "xray.png")})


def test_nonfinite_values_are_counted_or_let_through():
    image = scan()
    image[0, 0, 0, 0], image[0, 1, 1, 1] = float("nan"), float("inf")
    with pytest.raises(ValueError, match="image ct.nii.gz has 2 of 120 voxels that are NaN or infinite"):
        CheckScand(keys="image")({"image": image})
    CheckScand(keys="image", allow_nonfinite=True)({"image": image})


def test_all_problems_come_at_once():
    label = scan((1, 6, 5, 3), "mask.nii.gz")
    label[0, 0, 0, 0] = float("nan")
    both = r"(?s)must have one shape, got \(6, 5, 3\) and \(6, 5, 4\).*mask.nii.gz has 1 of 90"
    with pytest.raises(ValueError, match=both):
        CheckScand(keys="image", label_key="label")({"image": scan(), "label": label})


def test_a_label_that_lies_elsewhere_is_refused():
    moved = torch.eye(4, dtype=torch.float64)
    moved[0, 0] = 1.5
    with pytest.raises(ValueError, match="affines place a corner 2.50 mm apart"):
        CheckScand(keys="image", label_key="label")({"image": scan(), "label": scan(name="mask.nii.gz", affine=moved)})
    moved[0, 0] = 1.0005
    CheckScand(keys="image", label_key="label")({"image": scan(), "label": scan(affine=moved)})


def test_a_volume_made_in_memory_is_named_by_its_key_and_a_series_by_its_first_file():
    with pytest.raises(ValueError, match="the volume under 'image' must be"):
        CheckScand(keys="image")({"image": torch.zeros(1, 3, 3)})
    with pytest.raises(ValueError, match="image a.dcm must be"):
        CheckScand(keys="image")({"image": scan((1, 3, 3), ["a.dcm", "b.dcm"])})


def test_a_plain_label_is_checked_by_shape():
    CheckScand(keys="image", label_key="label")({"image": scan(), "label": torch.zeros(1, 6, 5, 4)})
    with pytest.raises(ValueError, match="must have one shape"):
        CheckScand(keys="image", label_key="label")({"image": scan(), "label": torch.zeros(1, 6, 5, 5)})


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_label_of_other_values_is_refused_with_what_it_holds(dtype):
    label = MetaTensor(torch.zeros(1, 6, 5, 4, dtype=dtype), meta={"filename_or_obj": "mask.nii.gz"})
    check = CheckScand(keys="image", label_key="label", label_values=(0, 1), allow_nonfinite=True)
    label[0, 0, 0, :2] = 1
    check({"image": scan(), "label": label})
    label[0, 0, 0, 2:] = 255
    with pytest.raises(ValueError, match="label mask.nii.gz may hold only 0, 1, found 255 in 2 voxels; write the mask"):
        check({"image": scan(), "label": label})
    if dtype.is_floating_point:
        label[0, 0, 0, 2:] = float("nan")
        check({"image": scan(), "label": label})


@pytest.mark.parametrize(("values", "warned"), [((0.0, 1.0), True), ((0.0, 255.0), True), ((-1000.0, 40.0), False)])
def test_what_can_hardly_be_a_ct_is_pointed_out(caplog, values, warned):
    volume = MetaTensor(torch.tensor(values).repeat(32).reshape(1, 4, 4, 4), meta={"filename_or_obj": "mask.nii.gz"})
    CheckScand("image")({"image": volume})
    assert ("mask.nii.gz holds values from 0 to" in caplog.text) == warned
