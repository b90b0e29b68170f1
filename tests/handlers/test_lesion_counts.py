"""Lesions found, missed and false, in 3D."""

import pytest
import torch

from tools.handlers.lesion_counts import lesion_counts


def volume(*boxes, shape=(20, 20, 12)):
    """Return a volume with boxes set, each (from, to) of three axes."""
    mask = torch.zeros(shape, dtype=torch.bool)
    for box in boxes:
        mask[tuple(slice(*side) for side in box)] = True
    return mask


LARGE = ((1, 6), (1, 6), (1, 5))  # 100 voxels
SMALL = ((10, 12), (10, 12), (8, 10))  # 8 voxels
ELSEWHERE = ((15, 18), (1, 4), (1, 4))


def counts(mask, target, **kwargs):
    """Return found, missed, false."""
    return tuple(lesion_counts(mask, target, **kwargs).values())


def test_found_missed_and_false():
    target = volume(LARGE, SMALL)
    assert counts(volume(LARGE), target) == (1, 1, 0)
    assert counts(volume(LARGE, ELSEWHERE), target) == (1, 1, 1)
    assert counts(target, target) == (2, 0, 0)


def test_empty_masks_count_too():
    nothing = volume()
    assert counts(nothing, nothing) == (0, 0, 0)
    assert counts(volume(LARGE, ELSEWHERE), nothing) == (0, 0, 2)
    assert counts(nothing, volume(LARGE, SMALL)) == (0, 2, 0)


def test_a_lesion_is_found_from_a_tenth_on():
    target = volume(LARGE)
    nine, ten = volume(((1, 2), (1, 4), (1, 4))), volume(((1, 2), (1, 6), (1, 3)))
    assert (int(nine.sum()), int(ten.sum())) == (9, 10)
    assert counts(nine, target) == (0, 1, 0)
    assert counts(ten, target) == (1, 0, 0)
    assert counts(nine, target, overlap=0.09) == (1, 0, 0)


def test_a_prediction_that_is_everywhere_is_false_itself():
    assert counts(torch.ones(20, 20, 12, dtype=torch.bool), volume(LARGE, SMALL)) == (2, 0, 1)


def test_two_pieces_of_one_lesion_are_not_false_and_one_piece_may_find_two():
    pieces = volume(((1, 3), (1, 6), (1, 5)), ((4, 6), (1, 6), (1, 5)))
    assert counts(pieces, volume(LARGE)) == (1, 0, 0)
    assert counts(volume(LARGE), pieces) == (2, 0, 0)


def test_components_are_of_the_volume_not_of_its_slices():
    # a bent lesion: two islands in the first slice that join in the second
    bent = volume(((1, 3), (1, 3), (1, 2)), ((8, 10), (1, 3), (1, 2)), ((1, 10), (1, 3), (2, 3)))
    assert counts(bent, bent) == (1, 0, 0)


@pytest.mark.parametrize("second", [(5, 6, 5), (6, 6, 5), (6, 6, 6)])
def test_voxels_that_touch_by_a_face_an_edge_or_a_corner_are_one_lesion(second):
    touching = volume()
    touching[5, 5, 5] = touching[second] = True
    assert counts(touching, touching) == (1, 0, 0)
    touching[second], touching[5, 5, 7] = False, True
    assert counts(touching, touching) == (2, 0, 0)
