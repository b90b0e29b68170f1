import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.datasets.dicom_factory import OBLIQUE, normal_of
from tools.datasets.dicom_slice import SliceInfo
from tools.datasets.findings import Findings
from tools.datasets.slice_geometry import arrange


def stack(count=6, step=3.0, orientation=(1, 0, 0, 0, 1, 0), lean=(0, 0, 0)):
    move = step * normal_of(orientation) + np.asarray(lean, dtype=float)
    return [
        SliceInfo(
            Path(f"{i}"), f"{i}", None, tuple(np.array([5.0, -7, 11]) + i * move), tuple(map(float, orientation)),
            (0.8, 0.7), (10, 12), 1.0, -1024.0,
        )
        for i in range(count)
    ]  # fmt: skip


def arranged(slices):
    findings = Findings()
    ordered, grid = arrange(slices, findings)
    return ordered, grid, findings


def only_problem(slices):
    _, grid, findings = arranged(slices)
    assert grid is None
    assert len(findings.problems) == 1
    return findings.problems[0]


@pytest.mark.parametrize("orientation", [(1, 0, 0, 0, 1, 0), (1, 0, 0, 0, 0, -1), (0, 1, 0, 0, 0, -1), OBLIQUE])
def test_any_file_order_gives_the_order_along_the_normal_and_the_right_affine(orientation):
    slices = stack(orientation=orientation)
    ordered, grid, findings = arranged([slices[i] for i in (3, 0, 5, 1, 4, 2)])
    assert [item.sop_uid for item in ordered] == list("012345")
    assert not findings.problems
    assert not findings.warnings
    assert grid.shape == (12, 10, 6)
    assert np.allclose(grid.spacing_mm, (0.7, 0.8, 3.0))
    assert not grid.is_sheared
    row, column = np.reshape(orientation, (2, 3))
    voxel = np.array([4, 2, 3])  # column, row, slice
    expected = np.array(slices[3].position) + 4 * 0.7 * row + 2 * 0.8 * column
    assert np.allclose((grid.affine_lps @ [*voxel, 1])[:3], expected)
    assert np.allclose((grid.affine_ras @ [*voxel, 1])[:3], expected * [-1, -1, 1])
    assert grid.voxel_ml == pytest.approx(0.7 * 0.8 * 3 / 1000)


def test_missing_slices_are_named_with_place_and_number():
    slices = stack(9)
    text = only_problem(slices[:2] + slices[4:])
    assert "2 missing slice(s) after 14.00 mm" in text
    assert "a gap of 9.00 mm" in text


def test_uneven_spacing_is_told_with_its_range():
    slices = stack(7)
    slices[3] = replace(slices[3], position=(5.0, -7.0, 20.4))
    assert "evenly spaced, found distances from 2.600 to 3.400 mm" in only_problem(slices)


def test_rounded_positions_are_accepted():
    slices = [replace(item, position=(5.0, -7.0, round(item.position[2], 1))) for item in stack(40, step=1.25)]
    _, _, findings = arranged(slices)
    assert len(findings.problems) == 1, "0.05 mm of 1.25 mm is more than rounding"
    slices = [replace(item, position=(5.0, -7.0, round(item.position[2], 2))) for item in stack(40, step=1.255)]
    _, grid, findings = arranged(slices)
    assert grid is not None
    assert not findings.problems


def test_duplicate_positions_are_a_problem():
    slices = stack()
    assert "1 duplicate slice position(s)" in only_problem([*slices, replace(slices[2], sop_uid="again")])


def test_gantry_tilt_is_kept_as_a_sheared_affine_with_a_warning():
    slices = stack(lean=(0, 0.8, 0))
    _, grid, findings = arranged(slices)
    assert grid.is_sheared
    assert np.allclose(grid.affine_lps[:3, 2], (0, 0.8, 3.0))
    assert np.allclose((grid.affine_lps @ [0, 0, 5, 1])[:3], slices[5].position)
    assert "14.93 degrees" in findings.warnings[0]
    assert grid.voxel_ml == pytest.approx(0.7 * 0.8 * 3 / 1000), "shear keeps the volume"


def test_a_lean_below_rounding_is_straightened():
    _, grid, findings = arranged(stack(lean=(0, 0.01, 0)))
    assert not grid.is_sheared
    assert not findings.warnings


def test_slices_shifted_sideways_are_a_problem():
    slices = stack()
    slices[2] = replace(slices[2], position=(9.0, -7.0, 17.0))
    assert "shifted sideways by up to 4.00 mm" in only_problem(slices)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"size": (10, 11)}, r"same size .* \(10, 12\) in 5, \(10, 11\) in 1"),
        ({"spacing_mm": (0.9, 0.9)}, "same pixel spacing"),
        ({"orientation": (1.0, 0, 0, 0, 0, -1.0)}, "same orientation.*localiser"),
    ],
)
def test_mixed_slices_are_counted_by_kind(change, text):
    slices = stack()
    slices[4] = replace(slices[4], **change)
    assert re.search(text, only_problem(slices))


def test_an_orientation_that_is_not_orthonormal_is_refused():
    slices = [replace(item, orientation=(1.0, 0, 0, 0.5, 0.5, 0)) for item in stack()]
    assert "two unit vectors" in only_problem(slices)


def test_one_slice_is_no_ct():
    assert "at least 2 slices, found 1" in only_problem(stack(1))
