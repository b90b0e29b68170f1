import numpy as np
import pytest
from skimage.measure import points_in_poly

from tests.datasets.dicom_factory import OBLIQUE, make_ct, make_rtstruct
from tools.datasets.dicom_files import scan_folder
from tools.datasets.findings import Findings
from tools.datasets.rtstruct import find_roi, referenced_series, referenced_slices, roi_names, rtstruct_mask

DEFAULT = r"(?i)^GTV[-_ ]?1$"


@pytest.fixture
def ct(tmp_path):
    return make_ct(tmp_path / "ct", orientation=OBLIQUE)


def mask_of(ct, contours, **options):
    dataset = make_rtstruct(ct, ct.folder.parent / "rt.dcm", {"GTV-1": contours}, **options)
    (series,) = scan_folder(ct.folder).series
    findings = Findings()
    return rtstruct_mask(dataset, series, 1, findings), findings


def box(ct, index, low=(2.5, 2.5), high=(6.5, 5.5)):
    return ct.box(low, high, index)


def test_a_contour_around_one_voxel_paints_exactly_that_voxel(ct):
    mask, findings = mask_of(ct, [box(ct, 4, (1.6, 6.6), (2.4, 7.4))])
    assert np.argwhere(mask).tolist() == [[2, 7, 4]]  # column, row, slice, on an oblique grid
    assert mask.dtype == np.uint8
    assert findings == Findings()


def test_a_curved_contour_equals_points_in_polygon_in_the_patient(ct):
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ring = [(5.3 + 3.9 * np.cos(a), 4.6 + 3.2 * np.sin(a)) for a in angle]
    mask, _ = mask_of(ct, [ct.ring(ring, 2)])
    centres = np.stack(np.meshgrid(range(12), range(10), indexing="ij"), -1).reshape(-1, 2)
    assert np.array_equal(mask[:, :, 2], points_in_poly(centres, ring).reshape(12, 10))
    assert mask.sum() == mask[:, :, 2].sum() > 20


def test_holes_overlaps_and_duplicates_follow_the_rules_and_are_told(ct):
    outer, hole = box(ct, 1, (0.5, 0.5), (9.5, 8.5)), box(ct, 1, (3.5, 3.5), (6.5, 6.5))
    mask, findings = mask_of(ct, [hole, outer, outer, box(ct, 2), box(ct, 2, (5.5, 4.5), (8.5, 7.5))])
    assert mask[:, :, 1].sum() == 9 * 8 - 9
    assert mask[:, :, 2].sum() == 12 + 9 - 1
    assert "1 pair(s) of contours in one slice overlap in part: joined" in findings.warnings[0]
    assert "1 contour(s) are drawn twice" in findings.warnings[1]
    assert not findings.problems


def test_xor_contours_toggle(ct):
    mask, _ = mask_of(ct, [box(ct, 2), box(ct, 2, (5.5, 4.5), (8.5, 7.5))], kind="CLOSEDPLANAR_XOR")
    assert mask.sum() == 12 + 9 - 2


@pytest.mark.parametrize(("height", "index"), [(2.3, 2), (2.49, 2), (2.7, 3)])
def test_a_contour_between_slices_moves_to_the_nearest_and_is_told(ct, height, index):
    mask, findings = mask_of(ct, [box(ct, height)])
    assert mask[:, :, index].sum() == mask.sum() == 12
    assert f"up to {abs(height - index) * 3:.2f} mm off their slice" in findings.warnings[0]


def test_a_small_contour_from_a_finer_plane_is_no_hole(ct):
    mask, findings = mask_of(ct, [box(ct, 2), box(ct, 2.4, (3.5, 3.5), (5.5, 4.5))])
    assert mask.sum() == 12
    assert "1 contour(s) lie between slices, another plane is nearer" in findings.warnings[0]


def test_contours_beyond_the_slices_are_reported_and_left_out(ct):
    mask, findings = mask_of(ct, [box(ct, index) for index in (-2, -1, 0, 1)])
    assert mask.sum(axis=(0, 1)).tolist() == [12, 12, 0, 0, 0, 0]
    assert "2 of 4 contour(s) lie beyond the 6 slices (up to 6.0 mm before the stack)" in findings.warnings[0]


def test_a_target_wholly_beyond_the_slices_is_a_problem(ct):
    mask, findings = mask_of(ct, [box(ct, 9), box(ct, 10)])
    assert mask is None
    assert "2 of 2 contour(s) lie beyond the 6 slices (up to 15.0 mm after the stack)" in findings.problems[0]


def test_half_a_slice_beyond_the_ends_still_belongs_to_them(ct):
    mask, findings = mask_of(ct, [box(ct, -0.45), box(ct, 5.45)])
    assert mask.sum(axis=(0, 1)).tolist() == [12, 0, 0, 0, 0, 12]
    assert not findings.problems


def test_gaps_are_reported_and_never_filled(ct):
    mask, findings = mask_of(ct, [box(ct, 1), box(ct, 4)])
    assert mask.sum(axis=(0, 1)).tolist() == [0, 12, 0, 0, 12, 0]
    assert "2 slice(s) between others have no contour (index 2, 3): left empty" in findings.warnings[0]


def test_points_open_lines_and_stubs_are_left_out_with_a_word(ct):
    extra = [("POINT", box(ct, 1)[:1]), ("OPEN_PLANAR", box(ct, 1)), box(ct, 1)[:2]]
    mask, findings = mask_of(ct, [box(ct, 2), *extra])
    assert mask.sum() == 12
    assert "2 contour(s) are points or open lines" in findings.warnings[0]
    assert "1 contour(s) have fewer than 3 points" in findings.warnings[1]


def test_a_contour_that_leaves_the_image_is_cut_and_told(ct):
    mask, findings = mask_of(ct, [box(ct, 2, (-5.5, 2.5), (3.5, 5.5))])
    assert mask.sum() == 4 * 3
    assert "1 contour(s) leave the image" in findings.warnings[0]


def test_contours_across_the_slices_are_refused(ct):
    upright = np.array([ct.at(2, 2, 0), ct.at(2, 2, 4), ct.at(6, 2, 4), ct.at(6, 2, 0)])
    mask, findings = mask_of(ct, [upright])
    assert mask is None
    assert "parallel to the CT's slices, found one that spans 4.0 slices" in findings.problems[0]


def test_a_contour_between_voxel_centres_is_a_problem_not_an_empty_mask(ct):
    mask, findings = mask_of(ct, [box(ct, 2, (2.2, 2.2), (2.8, 2.8))])
    assert mask is None
    assert "no voxel centre of the CT is inside" in findings.problems[0]


def test_broken_coordinates_are_a_problem(ct):
    mask, findings = mask_of(ct, [np.append(box(ct, 2).ravel(), 1.0)])
    assert mask is None
    assert "x, y, z triples, found 13 numbers" in findings.problems[0]


def test_another_frame_of_reference_is_a_problem(ct):
    mask, findings = mask_of(ct, [box(ct, 2)], frame="1.2.3.4.5.6.7.8.9.10")
    assert mask is None
    assert f"found ...{'1.2.3.4.5.6.7.8.9.10'[-12:]}; it was drawn on another scan" in findings.problems[0]


def test_a_roi_without_contours_gives_an_empty_mask(ct):
    mask, findings = mask_of(ct, [])
    assert not mask.any()
    assert findings == Findings()


@pytest.mark.parametrize("name", ["GTV-1", "gtv 1", "GTV_1", "Gtv1", " GTV-1 "])
def test_the_default_pattern_finds_every_spelling(ct, name):
    dataset = make_rtstruct(ct, ct.folder.parent / "rt.dcm", {"Lung": [], name: []})
    assert find_roi(dataset, DEFAULT) == [2]


def test_nodes_and_further_lesions_do_not_match_the_default(ct):
    names = ["GTV-2", "GTV-1n", "PGTV-1", "GTV-11", "GTV--1"]
    dataset = make_rtstruct(ct, ct.folder.parent / "rt.dcm", {name: [] for name in names})
    assert find_roi(dataset, DEFAULT) == []
    assert list(roi_names(dataset).values()) == names
    assert referenced_series(dataset) == [ct.series]
    assert referenced_slices(dataset, ct.series) == set(ct.uids)
    assert referenced_slices(dataset, "1.2") == set()
