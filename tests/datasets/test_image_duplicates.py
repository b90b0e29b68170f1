import io

import numpy as np
import pytest
from PIL import Image

from tools.datasets.image_duplicates import aligned_correlation, exact_groups, near_pairs
from tools.datasets.xray_phantom import EASY, phantom_xray


def thumbnail(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L").resize((112, 112), Image.Resampling.BOX))


@pytest.fixture(scope="module")
def chests() -> list[Image.Image]:
    subtypes = ("normal", "bacteria", "virus")
    return [Image.fromarray(phantom_xray(EASY, subtypes[k % 3], k, 0, 5).pixels) for k in range(12)]


def again(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=40)
    return Image.open(file)


def cropped(image: Image.Image) -> Image.Image:
    columns, rows = image.size
    return image.crop((0, 0, columns - columns // 50, rows - rows // 50))


CHANGES = {
    "jpeg": again,
    "smaller": lambda image: image.resize((image.width // 2, image.height // 2)),
    "brighter": lambda image: image.point(lambda value: 255 * (value / 255) ** 0.7),
    "cropped by 2 percent": cropped,
    "one degree": lambda image: image.rotate(1, Image.Resampling.BICUBIC),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_picture_that_was_saved_again_is_found_among_others(chests, change):
    stack = np.stack([thumbnail(image) for image in [*chests, change(chests[4])]])
    assert [(i, j) for i, j, _ in near_pairs(stack)] == [(4, 12)]


def test_different_children_are_not_copies(chests):
    assert near_pairs(np.stack([thumbnail(image) for image in chests])) == []


def test_different_children_are_told_apart_by_the_second_score_alone(chests, monkeypatch):
    stack = np.stack([thumbnail(image) for image in [*chests, chests[2]]])
    monkeypatch.setattr("tools.datasets.image_duplicates.CANDIDATE", -1.0)
    monkeypatch.setattr("tools.datasets.image_duplicates.SAME", -1.0)
    scores = {(i, j): score for i, j, score in near_pairs(stack)}
    assert len(scores) == 13 * 12 // 2
    assert scores.pop((2, 12)) == pytest.approx(1)
    assert max(scores.values()) < 0.6


def test_two_exposures_of_one_child_are_not_copies():
    images = [Image.fromarray(phantom_xray(EASY, "normal", 1, k, 5).pixels) for k in range(4)]
    assert near_pairs(np.stack([thumbnail(image) for image in images])) == []


def test_a_shift_is_made_good():
    rng = np.random.default_rng(0)
    wide = rng.standard_normal((120, 120))
    assert aligned_correlation(wide[:112, :112], wide[5:117, 3:115]) == pytest.approx(1)
    assert aligned_correlation(wide[:112, :112], rng.standard_normal((112, 112))) < 0.3


def test_blocks_do_not_lose_pairs(chests, monkeypatch):
    stack = np.stack([thumbnail(image) for image in [*chests, chests[0], chests[11]]])
    whole = near_pairs(stack)
    assert [(i, j) for i, j, _ in whole] == [(0, 12), (11, 13)]
    monkeypatch.setattr("tools.datasets.image_duplicates.BLOCK", 3)
    assert near_pairs(stack) == whole


def test_a_flood_of_copies_is_cut(chests, monkeypatch):
    monkeypatch.setattr("tools.datasets.image_duplicates.MOST_PER_IMAGE", 2)
    pairs = near_pairs(np.stack([thumbnail(chests[0])] * 6))
    assert len(pairs) == 2 + 2 + 2 + 2 + 1
    assert all(score == pytest.approx(1) for _, _, score in pairs)


def test_nothing_and_blank_pictures_are_no_copies():
    assert near_pairs(np.zeros((0, 112, 112), np.uint8)) == []
    assert near_pairs(np.zeros((3, 112, 112), np.uint8)) == []


def test_exact_groups():
    assert exact_groups(["a", "b", "", "a", "", "b", "a", "c"]) == [[0, 3, 6], [1, 5]]
