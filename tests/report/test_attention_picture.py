import io

import numpy as np
import pytest
import torch
from PIL import Image

from tools.report.attention_picture import draw_attention


@pytest.fixture
def image() -> torch.Tensor:
    picture = torch.full((2, 32, 32), 0.5)
    picture[1] = 0
    picture[1, 8:24, 4:20] = 1
    return picture


def drawn(*arguments) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(draw_attention(*arguments))).convert("RGB")).astype(int)


def test_activation_is_red_where_it_speaks_for_the_class_and_blue_where_against(image):
    activation = torch.zeros(32, 32)
    activation[:16], activation[16:] = 1.0, -2.0
    picture = drawn(image, torch.zeros(32, 32), activation, "normal; pneumonia 0.9")
    assert picture.shape == (350, 960, 3)
    panel = picture[60:330, 660:940]
    redness = panel[..., 0] - panel[..., 2]
    assert redness[:100].mean() > 20
    assert redness[-100:].mean() < -50
    assert np.abs(picture[60:330, 340:620, 0] - picture[60:330, 340:620, 2]).max() < 10


def test_without_activation_there_are_two_panels_and_the_attention_is_where_it_is(image):
    attention = torch.zeros(32, 32)
    attention[:8, 24:] = 1 / 64
    picture = drawn(image, attention, None, "x")
    assert picture.shape == (350, 640, 3)
    warm = picture[..., 0] - picture[..., 2]
    place = np.argwhere(warm[50:, 325:] > 40)
    assert len(place) > 100
    assert (place[:, 0] < 100).all()
    assert (place[:, 1] > 200).all()
