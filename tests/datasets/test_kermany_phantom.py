"""The raw form of the X-ray phantom, and that its images hold what they say."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.datasets.file_digests import digests
from tools.datasets.kermany_names import read_name
from tools.datasets.kermany_phantom import write_phantom
from tools.datasets.xray_phantom import EASY, phantom_xray


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    return write_phantom(tmp_path_factory.mktemp("xray") / "raw", patients=6, seed=2)


def test_layout_and_names_are_those_of_the_release(raw):
    images = sorted(raw.glob("*/*/*.jpeg"))
    counts = Counter(path.parent.relative_to(raw).as_posix() for path in images)
    assert set(counts) == {f"{part}/{name}" for part in ("train", "test", "val") for name in ("NORMAL", "PNEUMONIA")}
    assert (counts["test/NORMAL"], counts["val/PNEUMONIA"]) == (2, 1)
    patients = {part: set() for part in ("train", "test", "val")}
    for path in images:
        name = read_name(path.stem, path.parent.name)
        assert name.known
        assert (name.subtype == "normal") == (path.parent.name == "NORMAL")
        patients[path.parts[-3]].add(name.identity)
    assert len(patients["train"]) == 12 or any("normal2" in name for name in patients["train"])
    assert not patients["train"] & patients["test"]
    assert (raw / "train" / "NORMAL" / ".DS_Store").is_file()


def test_awkwardness_of_the_real_images_is_there(raw):
    opened = [Image.open(path) for path in sorted(raw.glob("*/*/*.jpeg"))]
    assert {image.mode for image in opened} == {"L", "RGB"}
    assert len({image.size for image in opened}) == len(opened)
    assert all(image.info["comment"] == b"MONAI bundle phantom" for image in opened)


def test_the_same_arguments_give_the_same_bytes_and_another_seed_does_not(raw, tmp_path):
    assert digests(write_phantom(tmp_path / "again", patients=6, seed=2)) == digests(raw)
    other = digests(write_phantom(tmp_path / "other", patients=1, seed=3))
    assert {name.split("/")[0] for name in other} == {"train", "test"}
    assert all(digests(raw).get(name) != digest for name, digest in other.items() if name.endswith("jpeg"))


def test_pneumonia_lies_in_the_lungs_and_makes_them_brighter():
    for subtype in ("bacteria", "virus"):
        ill, well = (phantom_xray(EASY, kind, 3, 0, 1) for kind in (subtype, "normal"))
        assert ill.subtype == subtype
        assert ill.opacity.max() > 0.3
        assert not ill.opacity[~ill.lungs].any()
        assert not well.opacity.any()
    focal, spread = (phantom_xray(EASY, kind, 3, 0, 1) for kind in ("bacteria", "virus"))
    assert (focal.opacity > 0.1).sum() < (spread.opacity > 0.1).sum()
    dense = focal.opacity > 0.3
    clear = focal.lungs & (focal.opacity < 0.01)
    assert focal.pixels[dense].mean() > focal.pixels[clear].mean() + 15


def test_lungs_are_two_dark_regions_of_a_plausible_size():
    from scipy.ndimage import label

    for patient in range(6):
        image = phantom_xray(EASY, "normal", patient, 0, 4)
        assert label(image.lungs)[1] == 2
        assert 0.12 < image.lungs.mean() < 0.5
        rows, columns = image.lungs.shape
        box = image.pixels[: int(rows * 0.7), columns // 4 : -columns // 4]
        inside = image.lungs[: int(rows * 0.7), columns // 4 : -columns // 4]
        assert box[inside].mean() + 20 < box[~inside].mean()


def test_a_patient_keeps_the_anatomy_and_changes_the_exposure():
    one, two = (phantom_xray(EASY, "normal", 1, image, 0) for image in (0, 1))
    assert one.pixels.shape != two.pixels.shape or not np.array_equal(one.pixels, two.pixels)


def test_wrong_arguments(tmp_path):
    with pytest.raises(ValueError, match="patients must be 1 or more, got 0"):
        write_phantom(tmp_path / "a", patients=0)
    with pytest.raises(ValueError, match="there is no phantom grade 'medium': choose one of easy, hard"):
        write_phantom(tmp_path / "a", grade="medium")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "file").write_text("")
    with pytest.raises(FileExistsError, match="is not an empty folder"):
        write_phantom(tmp_path / "b")
    assert not list(tmp_path.glob(".*"))
