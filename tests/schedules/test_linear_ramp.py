"""The ramp as a table."""

import pytest

from tools.schedules.linear_ramp import linear_ramp


@pytest.mark.parametrize(
    ("step", "ramp", "factor"),
    [(0, 30, 0.0), (1, 30, 1 / 30), (15, 30, 0.5), (29, 30, 29 / 30), (30, 30, 1.0), (10_000, 30, 1.0), (0, 0, 1.0)],
)
def test_table(step, ramp, factor):
    assert linear_ramp(step, ramp) == pytest.approx(factor)
