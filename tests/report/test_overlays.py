"""Overlays: the right slice, the right way round, undistorted, on any grid."""

import io

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from monai.data import MetaTensor

from tools.report.overlays import axial_picture, draw

RAS = np.diag([2.0, 1.0, 5.0, 1.0])


def scan():
    """Return image and label on a RAS grid: right half bright, front brighter, a target on the right in front."""
    image = np.zeros((10, 12, 6), dtype=np.float32)
    image[5:] += 0.5
    image[:, 6:] += 0.25
    label = np.zeros_like(image)
    label[6:9, 8:10, 2] = 1
    label[6:9, 8:11, 4] = 1
    return image, label


def regrid(volume, affine, axes, flips):
    """Return a volume with its axes permuted and flipped, as another scanner would store the same patient."""
    order = np.zeros((4, 4))
    order[3, 3] = 1
    for new, old in enumerate(axes):
        order[old, new] = 1
    volume, affine = volume.transpose(axes), affine @ order
    for axis in flips:
        turn = np.eye(4)
        turn[axis, axis], turn[axis, 3] = -1, volume.shape[axis] - 1
        volume, affine = np.flip(volume, axis), affine @ turn
    return MetaTensor(volume.copy()[None], affine=torch.as_tensor(affine))


@pytest.mark.parametrize(
    ("axes", "flips"), [((0, 1, 2), ()), ((0, 1, 2), (0, 1)), ((2, 0, 1), (1,)), ((1, 2, 0), (0, 2)), ((1, 0, 2), ())]
)
def test_the_patient_is_hung_the_same_on_every_grid(axes, flips):
    image, label = scan()
    picture = axial_picture("a", regrid(image, RAS, axes, flips), regrid(label, RAS, axes, flips))
    assert picture.image.shape == (12, 10)
    assert picture.spacing_mm == (1.0, 2.0)
    assert picture.letters == ("R", "L")
    assert picture.label.sum() == 9
    rows, columns = np.nonzero(picture.label)
    assert rows.max() < 6, "the front is at the top"
    assert columns.max() < 5, "the right of the patient is on the left"
    assert picture.image[0, 0] == 0.75
    assert picture.image[-1, -1] == 0.0


def test_the_slice_is_the_one_with_most_target():
    image, label = scan()
    empty = np.zeros_like(label)
    prediction = empty.copy()
    prediction[0, 0, 1] = 1
    volumes = [regrid(volume, RAS, (0, 1, 2), ()) for volume in (image, label, empty, prediction)]
    assert axial_picture("a", volumes[0], volumes[1], volumes[3]).slice_number == 5
    assert axial_picture("a", volumes[0], volumes[2], volumes[3]).slice_number == 2
    assert axial_picture("a", volumes[0], None, volumes[3]).label is None
    assert axial_picture("a", volumes[0], volumes[2]).slice_number == 4


def test_an_image_on_another_grid_is_sampled_where_the_slice_cuts_it():
    angle = np.radians(25)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    own = turn @ np.diag([1.0, 1.0, 2.0, 1.0])
    own[:3, 3] = [-25, -25, -4]
    index = np.stack([*np.meshgrid(*[np.arange(n) for n in (60, 60, 20)], indexing="ij"), np.ones((60, 60, 20))], -1)
    world = index @ own.T
    image = MetaTensor(world[None, ..., 1].astype(np.float32) / 10, affine=torch.as_tensor(own))
    label = torch.zeros(1, 8, 9, 6)
    label[0, 4, 4, 3] = 1
    picture = axial_picture("a", image, MetaTensor(label, affine=torch.as_tensor(RAS)))
    assert picture.image.shape == (9, 8)
    assert np.allclose(picture.image[:, 4], np.arange(8, -1, -1) / 10, atol=1e-4)


def test_the_drawing_has_both_contours_and_keeps_proportions():
    image, label = scan()
    volumes = [regrid(volume, RAS, (0, 1, 2), ()) for volume in (image, label, np.roll(label, 1, axis=0))]
    with_both = imread(io.BytesIO(draw(axial_picture("a$b_", *volumes, dice=0.5))), format="png")
    only_prediction = imread(io.BytesIO(draw(axial_picture("a", volumes[0], None, volumes[2]))), format="png")

    def blue(pixels):
        return int(((pixels[..., 2] > 0.8) & (pixels[..., 0] < 0.2)).sum())

    def orange(pixels):
        return int(((pixels[..., 0] > 0.8) & (pixels[..., 2] < 0.3)).sum())

    assert blue(with_both) > 100
    assert orange(with_both) > 100
    assert blue(only_prediction) == 0
    bright = np.abs(only_prediction[60:460, 10:470, :3] - 0.75).max(-1) < 0.02
    height, width = (bright.sum(axis=1) > 20).sum(), (bright.sum(axis=0) > 20).sum()
    assert height / width == pytest.approx(6 * 1.0 / (5 * 2.0), rel=0.15)


def test_a_drawing_without_masks_and_one_of_one_pixel():
    image, label = scan()
    volumes = [regrid(volume, RAS, (0, 1, 2), ()) for volume in (image, label * 0)]
    assert draw(axial_picture("a", *volumes, dice=float("nan"))).startswith(b"\x89PNG")
    thin = [MetaTensor(torch.ones(1, 1, 5, 1), affine=torch.eye(4)) for _ in range(2)]
    assert draw(axial_picture("a", *thin), window_hu=(-160, 240)).startswith(b"\x89PNG")
