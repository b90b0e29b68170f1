"""Every way a release of the chest X-rays, or a list of it, can be wrong: it is named, and nothing is written."""

import json
import shutil

import pytest

from tests.datasets.xray_release import NAMES, picture, save, write_release
from tools.datasets.conversion_report import ConversionError
from tools.datasets.kermany import datalist, prepare


@pytest.fixture
def raw(tmp_path):
    return write_release(tmp_path / "raw")


def refusal(raw, **options) -> str:
    """The message of a refused release; nothing may be written."""
    output = raw.parent / "refused"
    with pytest.raises(ConversionError, match="problem|must hold both") as error:
        prepare(raw, output, quiet=True, **options)
    assert not output.exists()
    return str(error.value)


@pytest.mark.parametrize("name", ["train", "test", "train/PNEUMONIA", "test/NORMAL"])
def test_a_missing_folder(raw, name):
    shutil.rmtree(raw / name)
    said = refusal(raw, skip_bad=True)
    assert f"the folder {name}/ must be there, found in raw" in said
    assert "--skip-bad" not in said


def test_the_training_of_a_folder_without_test_must_be_asked_for(raw, tmp_path):
    shutil.rmtree(raw / "test")
    with pytest.raises(ConversionError, match=r"the folder test/ must be there.*--without_test"):
        datalist(raw, "training", tmp_path)
    with pytest.raises(ConversionError, match=r"the folder test/ must be there.*\(--split validation\)"):
        datalist(raw, "test", tmp_path, without_test=True)
    assert len(datalist(raw, "training", tmp_path, without_test=True)) == 8
    assert prepare(raw, tmp_path / "out", without_test=True, quiet=True)["test"] == []
    with pytest.raises(ValueError, match="the 'test' part of .* is empty"):
        datalist(tmp_path / "out", "test", tmp_path)


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_part_with_one_class(raw, part):
    for path in (raw / part / "PNEUMONIA").iterdir():
        path.unlink()
    assert f"{part}/ must hold images of both classes, found NORMAL" in refusal(raw)


def test_a_class_whose_images_are_all_bad_is_a_part_with_one_class(raw):
    for path in (raw / "test" / "PNEUMONIA").iterdir():
        path.write_bytes(b"")
    assert "test/ must hold images of both classes, found NORMAL 2, PNEUMONIA 0" in refusal(raw, skip_bad=True)


def test_validation_with_one_class(tmp_path):
    names = {**NAMES, "train/NORMAL": ["IM-0115-0001"], "train/PNEUMONIA": ["person1_virus_1", "person5_virus_2"]}
    raw = write_release(tmp_path / "raw", names)
    said = refusal(raw)
    assert "the validation part must hold both classes, it would hold 1 PNEUMONIA alone (seed 0)" in said
    assert "(prepare: --seed, training: --split_seed)" in said
    assert prepare(raw, tmp_path / "out", val_fraction=0, quiet=True)["validation"] == []


def test_all_bad_images_are_told_at_once_and_can_be_left_out(raw, tmp_path):
    truncated = raw / "train/NORMAL/IM-0117-0001.jpeg"
    truncated.write_bytes(truncated.read_bytes()[:600])
    (raw / "train/PNEUMONIA/person4_virus_9.jpeg").write_text("no image")
    save(raw / "test/NORMAL/IM-0002-0001.jpeg", picture(50, 20, 30))
    save(raw / "train/NORMAL/person9_bacteria_9.jpeg", picture(51))
    said = refusal(raw)
    assert said.startswith("4 problem(s) in")
    for text in (
        "train/NORMAL/IM-0117-0001.jpeg\n    - must be a readable image, got OSError",
        "train/PNEUMONIA/person4_virus_9.jpeg\n    - must be a readable image, got UnidentifiedImageError",
        "test/NORMAL/IM-0002-0001.jpeg\n    - must have 64 rows and columns or more, got 20 x 30",
        "train/NORMAL/person9_bacteria_9.jpeg\n    - the name says bacteria, the folder NORMAL; move the image",
        "or pass --skip-bad",
    ):
        assert text in said
    data = prepare(raw, tmp_path / "out", skip_bad=True, quiet=True)
    assert len(data["source"]["bad"]) == 4
    assert sum(len(data[part]) for part in ("training", "validation", "test")) == 12


def test_the_same_pixels_under_two_labels(raw, tmp_path):
    shutil.copy(raw / "train/NORMAL/IM-0117-0001.jpeg", raw / "train/PNEUMONIA/person80_virus_1.jpeg")
    said = refusal(raw)
    assert "the same pixels must have one label, they are also in train/PNEUMONIA/person80_virus_1.jpeg" in said
    assert "2 problem(s)" in said


def test_a_file_that_changes_is_looked_at_again(raw, tmp_path):
    assert len(datalist(raw, "test", tmp_path)) == 4
    (raw / "test/NORMAL/IM-0001-0001.jpeg").write_bytes(b"")
    with pytest.raises(ConversionError, match="1 problem"):
        datalist(raw, "test", tmp_path)


def test_a_list_that_was_tampered_with(raw, tmp_path):
    prepare(raw, tmp_path / "out", quiet=True)
    path = tmp_path / "out" / "datalist.json"
    data = json.loads(path.read_text())
    data["training"].append({**data["test"][0], "patient": "9999"})
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match="the training part must not consist of images of test/, got 1"):
        datalist(tmp_path / "out", "training", tmp_path)
    data["training"][-1] = {**data["test"][0], "image": "../../outside.jpeg", "patient": "9999"}
    data["training"][0]["image"] = "train/NORMAL/gone.jpeg"
    path.write_text(json.dumps(data))
    with pytest.raises(
        ValueError, match=r"(?s)the image is missing: train/NORMAL/gone.jpeg.*must lie inside the folder"
    ):
        datalist(tmp_path / "out", "training", tmp_path)


def test_a_prepared_image_that_was_damaged_since_is_named(raw, tmp_path):
    prepare(raw, tmp_path / "out", quiet=True)
    (raw / "train/NORMAL/IM-0117-0001.jpeg").write_text("gone")
    with pytest.raises(ValueError, match="the image is no readable image file: train/NORMAL/IM-0117-0001.jpeg"):
        datalist(tmp_path / "out", "training", tmp_path)


def test_wrong_places(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist; expected there: train/ and test/"):
        datalist(tmp_path / "nowhere", "training", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"empty holds no data set; .*prepare kermany --source RAW"):
        prepare(tmp_path / "empty", tmp_path / "out")
    (tmp_path / "file.zip").write_text("")
    with pytest.raises(NotADirectoryError, match="a folder is needed, this is a file: .*file.zip; unpack"):
        prepare(tmp_path / "file.zip", tmp_path / "out")
    with pytest.raises(NotADirectoryError, match="--output must be a folder"):
        prepare(tmp_path / "empty", tmp_path / "file.zip")
    with pytest.raises(ValueError, match="val_fraction must be 0 or more and below 1, got 1.5"):
        prepare(tmp_path / "empty", tmp_path / "out", val_fraction=1.5)


def test_an_unknown_part(raw, tmp_path):
    with pytest.raises(ValueError, match="split must be one of training, validation, test, got 'train'"):
        datalist(raw, "train", tmp_path)
