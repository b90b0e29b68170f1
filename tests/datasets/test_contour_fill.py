import numpy as np
import pytest
from matplotlib.path import Path as Outline
from skimage.measure import points_in_poly

from tools.datasets.contour_fill import fill_polygon, fill_rings, relate

GRID = (40, 30)
CENTRES = np.stack(np.meshgrid(np.arange(GRID[0]), np.arange(GRID[1]), indexing="ij"), axis=-1).reshape(-1, 2)


def box(low, high):
    return np.array([(low, low), (high, low), (high, high), (low, high)], dtype=float)


def filled(*rings):
    return fill_rings(GRID, list(rings))


@pytest.mark.parametrize("seed", range(12))
def test_a_voxel_is_inside_when_two_independent_libraries_say_its_centre_is(seed):
    random = np.random.default_rng(seed)
    angle = np.sort(random.uniform(0, 2 * np.pi, 25))
    radius = random.uniform(2, 18, 25)  # a jagged star, partly outside the image
    polygon = np.stack([20 + radius * np.cos(angle), 14 + radius * np.sin(angle)], axis=1)
    ours = fill_polygon(np.zeros(GRID), polygon)
    assert np.array_equal(ours, points_in_poly(CENTRES, polygon).reshape(GRID))
    assert np.array_equal(ours, Outline(polygon).contains_points(CENTRES).reshape(GRID))
    assert ours.any()


def test_a_self_crossing_ring_follows_the_even_odd_rule():
    bow = np.array([(2.3, 2.1), (20.3, 20.4), (20.3, 2.1), (2.3, 20.4)])
    assert np.array_equal(fill_polygon(np.zeros(GRID), bow), points_in_poly(CENTRES, bow).reshape(GRID))


def test_polygons_through_voxel_centres_keep_their_area_and_share_no_voxel():
    left = np.array([(2, 3), (7, 3), (7, 9), (2, 9)], dtype=float)
    right = left + [5, 0]
    a, b = (fill_polygon(np.zeros(GRID), ring) for ring in (left, right))
    assert a.sum() == b.sum() == 5 * 6
    assert not (a & b).any()


def test_direction_of_drawing_does_not_matter():
    ring = np.array([(3.2, 4.1), (17.7, 6.2), (12.3, 21.8)])
    assert np.array_equal(fill_polygon(np.zeros(GRID), ring), fill_polygon(np.zeros(GRID), ring[::-1]))


def test_a_ring_inside_another_is_a_hole_and_one_inside_the_hole_is_filled():
    outer, hole, island = box(1.5, 20.5), box(5.5, 15.5), box(8.5, 12.5)
    for order in ((outer, hole, island), (island, hole, outer), (hole, outer, island)):
        mask, overlaps, duplicates = filled(*order)
        assert mask.sum() == 19**2 - 10**2 + 4**2
        assert (overlaps, duplicates) == (0, 0)
    assert mask[10, 10]
    assert not mask[6, 6]


def test_a_hole_that_touches_the_border_of_its_ring_is_still_a_hole():
    mask, overlaps, _ = filled(box(1.5, 20.5), np.array([(1.5, 5.5), (9.5, 5.5), (9.5, 9.5), (1.5, 9.5)]))
    assert mask.sum() == 19**2 - 8 * 4
    assert overlaps == 0


def test_partial_overlap_is_a_union_and_is_counted():
    mask, overlaps, _ = filled(box(1.5, 10.5), box(7.5, 16.5))
    assert mask.sum() == 9**2 + 9**2 - 3**2
    assert overlaps == 1


def test_a_cross_without_corners_inside_each_other_counts_as_overlap():
    flat = np.array([(1.5, 9.5), (20.5, 9.5), (20.5, 11.5), (1.5, 11.5)])
    assert relate(flat, flat[:, ::-1]) == "overlap"
    assert filled(flat, flat[:, ::-1])[0].sum() == 2 * 19 * 2 - 4


def test_a_ring_drawn_twice_counts_once_however_it_was_drawn():
    ring = box(2.5, 12.5)
    mask, overlaps, duplicates = filled(ring, np.roll(ring[::-1], 2, axis=0), ring + 0.001)
    assert mask.sum() == 100
    assert (overlaps, duplicates) == (0, 2)


def test_rings_side_by_side_are_apart_even_when_they_share_an_edge():
    left = box(2.5, 10.5)
    assert relate(left, left + [8, 0]) == "apart"
    assert relate(left, left + [20, 0]) == "apart"
    assert filled(left, left + [8, 0])[0].sum() == 2 * 64


def test_inside_and_around_are_each_others_mirror():
    assert relate(box(5, 8), box(1, 20)) == "inside"
    assert relate(box(1, 20), box(5, 8)) == "around"
