import numpy as np
import pytest

from tools.datasets.threshold_baseline import oracle_threshold_dice


def scene() -> tuple[np.ndarray, np.ndarray]:
    image = np.full((8, 20, 20), -850.0)
    target = np.zeros(image.shape, bool)
    target[2:6, 3:9, 3:9] = True
    image[target] = 40
    return image, target


def test_a_bright_lonely_tumour_is_solved():
    image, target = scene()
    image[:, 12:18, 12:18] = 40  # another component, larger than the target
    assert oracle_threshold_dice(image, target)[0] == 1.0


def test_one_bridge_to_a_larger_organ_spoils_it():
    image, target = scene()
    image[:, 12:18] = 40
    image[4, 8:13, 5] = 40
    dice, threshold = oracle_threshold_dice(image, target)
    organ = int((image > -800).sum())
    assert np.isclose(dice, 2 * target.sum() / (organ + target.sum()))
    assert threshold == -800


def test_the_best_threshold_is_found():
    image, target = scene()
    image[1:7, 2:10, 2:10] = np.maximum(image[1:7, 2:10, 2:10], -300)
    assert oracle_threshold_dice(image, target) == (1.0, -300.0)


def test_nothing_above_any_threshold_scores_zero():
    image, target = scene()
    assert oracle_threshold_dice(image - 2000, target) == (0.0, None)


def test_what_lies_below_the_threshold_is_no_component():
    _, target = scene()
    assert oracle_threshold_dice(np.where(target, -900.0, 40.0), target)[0] == 0


def test_an_empty_target_has_no_score():
    image, target = scene()
    dice, threshold = oracle_threshold_dice(image, target & False)
    assert np.isnan(dice)
    assert threshold is None


def test_shapes_must_agree():
    image, target = scene()
    with pytest.raises(ValueError, match=r"one shape, got \(8, 20, 20\) and \(8, 20, 19\)"):
        oracle_threshold_dice(image, target[..., :-1])
