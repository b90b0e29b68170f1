"""What every writer of a lung phantom in its raw form does with what it cannot write: nothing is left behind."""

from pathlib import Path
from types import ModuleType

import pytest

from tools.datasets import msd_lung_phantom, nsclc_phantom

COARSE = {"pixel_mm": 5.0, "thickness_mm": 6.0}
WRITERS = [pytest.param(nsclc_phantom, id="nsclc"), pytest.param(msd_lung_phantom, id="msd_lung")]


@pytest.mark.parametrize(("writer", "late"), [(nsclc_phantom, "_write_outline"), (msd_lung_phantom, "_dataset_json")])
def test_nothing_is_left_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: ModuleType, late: str
):
    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(writer, late, fail)
    with pytest.raises(OSError, match="disk full"):
        writer.write_phantom(tmp_path / "set", patients=1, **COARSE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patients": 0}, "patients must be 1 or more, got 0"),
        ({"grade": "medium"}, "no phantom grade 'medium': choose one of easy, hard"),
        ({"pixel_mm": 0.0}, "pixel_mm must be above 0 mm, got 0.0"),
        ({"thickness_mm": -1.0}, "thickness_mm must be above 0 mm, got -1.0"),
    ],
)
def test_wrong_arguments_are_named(tmp_path: Path, writer: ModuleType, arguments: dict, message: str):
    with pytest.raises(ValueError, match=message):
        writer.write_phantom(tmp_path / "set", **arguments)
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("writer", WRITERS)
def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, writer: ModuleType):
    (tmp_path / "keep.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="is not an empty folder"):
        writer.write_phantom(tmp_path, patients=1, **COARSE)
    assert [path.name for path in tmp_path.iterdir()] == ["keep.txt"]
