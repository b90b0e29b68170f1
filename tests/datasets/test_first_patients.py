import pytest

from tools.datasets.first_patients import first_patients

DATA = [{"patient": name, "image": f"{name}_{scan}"} for name, scan in (("b", 1), ("a", 1), ("c", 1), ("a", 2))]


@pytest.mark.parametrize(
    ("count", "images"), [(1, ["a_1", "a_2"]), (2, ["b_1", "a_1", "a_2"]), (9, ["b_1", "a_1", "c_1", "a_2"])]
)
def test_patients_are_counted_not_scans(count, images):
    assert [item["image"] for item in first_patients(DATA, count)] == images


@pytest.mark.parametrize(("data", "count"), [(DATA, 0), ([], 1)])
def test_nobody(data, count):
    with pytest.raises(ValueError, match="at least 1 patient"):
        first_patients(data, count)
