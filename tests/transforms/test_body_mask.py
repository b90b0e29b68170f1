"""The body: found without the couch, with its lungs, and never lost."""

import pytest
import torch

from tools.transforms.body_mask import body_box, body_mask, body_threshold, centred_start

THRESHOLD = body_threshold()


def patient(shape=(120, 100, 6), centre=(70, 45), radius=(34, 24)):
    """Return a windowed thorax (X, Y, Z): an ellipse of tissue with two lungs of air."""
    x, y = torch.meshgrid(torch.arange(shape[0]), torch.arange(shape[1]), indexing="ij")

    def ellipse(dx, rx, ry):
        return ((x - centre[0] - dx) / rx) ** 2 + ((y - centre[1]) / ry) ** 2 < 1

    plane = ellipse(0, *radius).float() * 0.74
    for side in (-16, 16):
        plane[ellipse(side, 11, 14)] = 0.1
    return plane[..., None].repeat(1, 1, shape[2])


def test_threshold_is_hounsfield_units_in_the_window():
    assert body_threshold((-1000, 400), -500) == pytest.approx(500 / 1400)
    with pytest.raises(ValueError, match=r"inside the first window \[-160, 240\] HU, got -500"):
        body_threshold((-160, 240))


def test_the_couch_is_not_the_body():
    volume = patient()
    volume[10:110, 70:73] = 0.6
    mask = body_mask(volume, THRESHOLD)
    (x0, x1), (y0, y1) = body_box(mask, (120, 100))
    assert abs(x0 - 36) <= 4
    assert abs(x1 - 105) <= 4
    assert abs(y0 - 21) <= 4
    assert y1 <= 73


def test_the_lungs_are_body():
    mask = body_mask(patient(), THRESHOLD)
    assert bool(mask[54 // 2, 45 // 2].all())
    assert not bool(mask[4, 4].any())


def test_slices_beyond_the_body_are_empty():
    volume = patient()
    volume[..., 4:] = 0.0
    assert body_mask(volume, THRESHOLD).any(dim=0).any(dim=0).tolist() == [True] * 4 + [False] * 2


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_when_nothing_is_found_everything_is_body(value):
    mask = body_mask(torch.full((30, 22, 2), value), THRESHOLD)
    assert mask.shape == (15, 11, 2)
    assert bool(mask.all())


def test_a_speck_is_not_a_body():
    volume = torch.zeros(200, 200, 20)
    volume[40:52, 40:52, 3] = 1.0
    assert bool(body_mask(volume, THRESHOLD).all())


def test_a_window_is_centred_on_a_range():
    assert centred_start((36, 104), 80) == 30
    assert centred_start((0, 10), 64) == -27
