"""The mean of the probabilities over mirror images and small rotations."""

import math

import pytest
import torch
from monai.transforms import Rotate

from tools.inferers.mean_of_views import MeanOfViews, turned


def leftish(image: torch.Tensor) -> torch.Tensor:
    """Logits that tell the left half from the right one, in image and mask."""
    half = image.shape[3] // 2
    return torch.stack([image[:, 0, :, :half].sum(dim=(1, 2)), image[:, 1, :, half:].sum(dim=(1, 2))], dim=1)


def test_probabilities_are_averaged_and_the_mask_goes_along():
    image = torch.rand(3, 2, 4, 6)
    expected = (leftish(image).softmax(dim=1) + leftish(image.flip(3)).softmax(dim=1)) / 2
    answer = MeanOfViews()(image, leftish)
    torch.testing.assert_close(answer.softmax(dim=1), expected)
    torch.testing.assert_close(MeanOfViews()(image.flip(3), leftish), answer)
    assert torch.equal(MeanOfViews(flip=False)(image, leftish), leftish(image))


@pytest.mark.parametrize("size", [(24, 24), (20, 32)])
def test_an_image_is_turned_as_by_monai(size):
    image = torch.rand(2, 2, *size)
    rotate = Rotate(math.radians(10), padding_mode="zeros", align_corners=False)
    expected = torch.stack([rotate(one).as_tensor() for one in image])
    torch.testing.assert_close(turned(image, 10), expected, atol=1e-5, rtol=0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(turned(image, 10), expected, atol=1e-5, rtol=0)
    assert not torch.allclose(turned(image, -10), expected, atol=0.1)
    assert turned(image, 0) is image


def test_each_rotation_is_a_view_and_so_is_its_mirror_image():
    image = torch.rand(2, 2, 16, 16)
    views = [turned(image, angle) for angle in (-5, 0, 5)]
    plain = sum(leftish(view).softmax(dim=1) for view in views) / 3
    mirrored = sum(leftish(view.flip(3)).softmax(dim=1) for view in views) / 3
    answer = MeanOfViews(flip=False, rotations_deg=(-5, 0, 5))(image, leftish)
    torch.testing.assert_close(answer.softmax(dim=1), plain)
    answer = MeanOfViews(rotations_deg=(-5, 0, 5))(image, leftish)
    torch.testing.assert_close(answer.softmax(dim=1), (plain + mirrored) / 2)


@pytest.mark.parametrize("rotations", [(), 5, "5", (0, 90), (0, math.nan), ("a",)])
def test_rotations_that_are_none_are_refused(rotations):
    rule = r'a list of degrees from -45 to 45, got .*; --tta_rotations_deg "\[0\]" is the image as it is'
    with pytest.raises(ValueError, match=rule):
        MeanOfViews(rotations_deg=rotations)
