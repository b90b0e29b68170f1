"""The converter of the chest X-rays: what it makes of a good release, and every way a release can be wrong."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.datasets.xray_release import NAMES, picture, save, write_release
from tools.datasets.conversion_report import ConversionError
from tools.datasets.datalist import read_all
from tools.datasets.kermany import datalist, prepare
from tools.datasets.kermany_check import verify_dataset
from tools.handlers.data_fingerprint import fingerprint


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


def test_a_good_release(raw, tmp_path, capsys):
    data = prepare(raw, tmp_path / "out")
    assert data["root"] == "../raw"
    assert len(data["training"]) + len(data["validation"]) == 10
    assert [item["image"] for item in data["test"]] == [
        "test/NORMAL/IM-0001-0001.jpeg", "test/NORMAL/NORMAL2-IM-0007-0001.jpeg",
        "test/PNEUMONIA/person100_bacteria_475.jpeg", "test/PNEUMONIA/person2_virus_6.jpeg",
    ]  # fmt: skip
    assert {item["patient"] for item in data["test"]} == {"test-1", "test-7", "test-100", "test-2"}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["datalist.json", "report.txt"]
    said = capsys.readouterr().out
    assert "14 image(s) (train 10, test 4), 0 of them saved in colour channels; 0 other file(s) skipped" in said
    assert said.strip().endswith((tmp_path / "out" / "report.txt").read_text().strip())


def test_items_say_class_subtype_and_patient(raw, tmp_path):
    prepare(raw, tmp_path / "out", quiet=True)
    items = datalist(tmp_path / "out", "training", tmp_path) + datalist(tmp_path / "out", "validation", tmp_path)
    assert set(items[0]) == {"image", "label", "patient", "subtype", "phantom"}
    found = {item["image"].rsplit("/", 1)[1]: item for item in items}
    virus = found["person1_virus_2.jpeg"]
    assert (virus["label"], virus["patient"], virus["subtype"], virus["phantom"]) == (1, "1", "virus", False)
    assert virus["image"] == str((raw / "train/PNEUMONIA/person1_virus_2.jpeg").resolve())
    normal = found["NORMAL2-IM-0383-0001.jpeg"]
    assert (normal["label"], normal["patient"], normal["subtype"]) == (0, "383", "normal")
    assert found["person6_x.jpeg"]["subtype"] == "unknown"


@pytest.mark.parametrize("seed", range(6))
def test_patients_stay_together_and_both_classes_are_in_both_parts(raw, tmp_path, seed):
    data = prepare(raw, tmp_path / "out", seed=seed, quiet=True)
    people = {part: {item["patient"] for item in data[part]} for part in ("training", "validation")}
    assert not people["training"] & people["validation"]
    for part in people:
        assert {item["label"] for item in data[part]} == {0, 1}
    places = {item["image"].rsplit("/", 1)[1]: part for part in people for item in data[part]}
    assert places["person1_bacteria_1.jpeg"] == places["person1_virus_2.jpeg"]
    assert places["IM-0115-0001.jpeg"] == places["IM-0115-0002.jpeg"]


def test_the_seed_decides_the_split_and_a_raw_folder_is_split_alike(raw, tmp_path):
    splits = []
    for seed in range(5):
        data = prepare(raw, tmp_path / f"out{seed}", seed=seed, quiet=True)
        splits.append([item["image"] for item in data["validation"]])
        for part in ("training", "validation", "test"):
            raw_items = datalist(raw, part, tmp_path, seed=seed)
            assert sorted(raw_items, key=str) == sorted(datalist(tmp_path / f"out{seed}", part, tmp_path), key=str)
    assert len({tuple(split) for split in splits}) > 1


def test_folds_are_disjoint_and_cover_every_patient(tmp_path):
    many = {"train/NORMAL": [f"IM-{n:04d}-0001" for n in range(100, 123)]}
    many["train/PNEUMONIA"] = [f"person{n}_virus_{n}" for n in range(110, 141)]
    write_release(tmp_path / "raw", many)
    folds = [datalist(tmp_path / "raw", "validation", tmp_path, fold=k, without_test=True) for k in range(5)]
    images = [item["image"] for fold in folds for item in fold]
    assert len(images) == len(set(images)) == 54
    assert all({item["label"] for item in fold} == {0, 1} for fold in folds)
    with pytest.raises(ValueError, match="fold must lie from 0 to 4 with val_fraction 0.2, got 5"):
        datalist(tmp_path / "raw", "validation", tmp_path, fold=5, without_test=True)


def test_val_is_divided_with_train_and_never_needed(raw, tmp_path):
    write_release(raw, {"val/NORMAL": ["NORMAL2-IM-1427-0001"]})
    save(raw / "val/NORMAL/NORMAL2-IM-1427-0001.jpeg", picture(99))
    data = prepare(raw, tmp_path / "out", quiet=True)
    rest = [item["image"] for part in ("training", "validation") for item in data[part]]
    assert len(rest) == 11
    assert "val/NORMAL/NORMAL2-IM-1427-0001.jpeg" in rest


def test_files_that_are_no_images_are_skipped_and_counted(raw, tmp_path, capsys):
    for name in (".DS_Store", "Thumbs.db", "._IM-0115-0001.jpeg", "notes.txt"):
        (raw / "train" / "NORMAL" / name).write_bytes(b"anything")
    prepare(raw, tmp_path / "out")
    assert (
        "14 image(s) (train 10, test 4), 0 of them saved in colour channels; 4 other file(s)" in capsys.readouterr().out
    )


def test_the_folder_around_the_unpacked_one_will_do(tmp_path):
    write_release(tmp_path / "download" / "chest_xray")
    (tmp_path / "download" / "__MACOSX" / "train").mkdir(parents=True)
    assert prepare(tmp_path / "download", tmp_path / "out", quiet=True)["root"] == "../download/chest_xray"


def test_list_and_source_move_together(raw, tmp_path):
    prepare(raw, tmp_path / "out", quiet=True)
    (tmp_path / "there").mkdir()
    for name in ("raw", "out"):
        shutil.move(tmp_path / name, tmp_path / "there" / name)
    assert datalist(tmp_path / "there" / "out", "test", tmp_path)[0]["image"].startswith(
        str(tmp_path / "there" / "raw")
    )
    shutil.move(tmp_path / "there" / "raw", tmp_path / "gone")
    with pytest.raises(FileNotFoundError, match="which is not there: it was moved or removed"):
        datalist(tmp_path / "there" / "out", "test", tmp_path)


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
    assert len(datalist(raw, "training", tmp_path, without_test=True)) == 8
    assert prepare(raw, tmp_path / "out", without_test=True, quiet=True)["test"] == []
    with pytest.raises(ValueError, match="the 'test' part of .* is empty"):
        datalist(tmp_path / "out", "test", tmp_path)


def test_the_test_images_alone_can_be_scored(raw, tmp_path):
    shutil.rmtree(raw / "train")
    items = datalist(raw, "test", tmp_path)
    assert [item["label"] for item in items] == [0, 0, 1, 1]
    assert items[2]["subtype"] == "bacteria"
    with pytest.raises(ConversionError, match="the folder train/ must be there"):
        datalist(raw, "training", tmp_path)


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
    assert "choose another --val_fraction or --seed" in said
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


def test_a_copy_of_a_test_image_is_not_trained_on(raw, tmp_path, capsys):
    shutil.copy(raw / "test/NORMAL/IM-0001-0001.jpeg", raw / "train/NORMAL/IM-0700-0001.jpeg")
    Image.open(raw / "test/PNEUMONIA/person2_virus_6.jpeg").save(
        raw / "train/PNEUMONIA/person70_virus_7.jpeg", quality=50
    )
    data = prepare(raw, tmp_path / "out")
    trained = json.dumps(data["training"] + data["validation"])
    assert "IM-0700" not in trained
    assert "person70" not in trained
    assert len(data["test"]) == 4
    assert data["source"]["duplicates"]["left_out"] == {
        "train/NORMAL/IM-0700-0001.jpeg": "with the pixels of an image of test/",
        "train/PNEUMONIA/person70_virus_7.jpeg": "nearly the same as an image of test/",
    }
    said = capsys.readouterr().out
    assert "1 group(s) of the same pixels (2 images), 1 pair(s) nearly the same; 2 of them between test/ and" in said
    assert "left out of training: 2 image(s)" in said


def test_a_patient_of_test_is_not_trained_on(raw, tmp_path):
    save(raw / "train/PNEUMONIA/person100_bacteria_999.jpeg", picture(60))
    save(raw / "train/PNEUMONIA/person100_virus_998.jpeg", picture(61))
    data = prepare(raw, tmp_path / "out", quiet=True)
    trained = json.dumps(data["training"] + data["validation"])
    assert "person100_bacteria_999" not in trained
    assert "person100_virus_998" in trained  # another series counts other children


def test_copies_under_two_numbers_stay_in_one_part(tmp_path):
    names = {**NAMES, "train/NORMAL": [f"IM-{n:04d}-0001" for n in range(200, 230)]}
    raw = write_release(tmp_path / "raw", names)
    for one, two in ((201, 202), (203, 204), (204, 205), (206, 207), (208, 209)):
        shutil.copy(raw / f"train/NORMAL/IM-{one:04d}-0001.jpeg", raw / f"train/NORMAL/IM-{two:04d}-0001.jpeg")
    for seed in range(5):
        data = prepare(raw, tmp_path / "out", seed=seed, val_fraction=0.5, quiet=True)
        place = {item["patient"]: part for part in ("training", "validation") for item in data[part]}
        assert place["201"] == place["202"]
        assert place["203"] == place["204"] == place["205"]
    assert len(data["source"]["duplicates"]["exact"]) == 4


def test_the_same_pixels_under_two_labels(raw, tmp_path):
    shutil.copy(raw / "train/NORMAL/IM-0117-0001.jpeg", raw / "train/PNEUMONIA/person80_virus_1.jpeg")
    said = refusal(raw)
    assert "the same pixels must have one label, they are also in train/PNEUMONIA/person80_virus_1.jpeg" in said
    assert "2 problem(s)" in said


def test_the_official_test_part_is_taken_as_it_is(raw, tmp_path, capsys):
    shutil.copy(raw / "test/NORMAL/IM-0001-0001.jpeg", raw / "test/PNEUMONIA/person5_virus_6.jpeg")
    shutil.copy(raw / "test/NORMAL/IM-0001-0001.jpeg", raw / "train/PNEUMONIA/person81_virus_1.jpeg")
    data = prepare(raw, tmp_path / "out")
    assert len(data["test"]) == 5
    assert "person81" not in json.dumps(data["training"] + data["validation"])
    assert "the same pixels have another label in test/NORMAL/IM-0001-0001.jpeg" in capsys.readouterr().out


def test_scoring_the_test_part_does_not_look_at_train(raw, tmp_path):
    (raw / "train/NORMAL/IM-0117-0001.jpeg").write_bytes(b"")
    assert len(datalist(raw, "test", tmp_path)) == 4


def test_numbers_of_the_later_releases_are_one_patient_whatever_the_kind(tmp_path):
    names = {
        "train/NORMAL": ["NORMAL-1000101-0001", "NORMAL-1000102-0001"],
        "train/PNEUMONIA": ["VIRUS-1000201-0001", "BACTERIA-1000202-0001", "BACTERIA-1000203-0001"],
        "test/NORMAL": ["NORMAL-1000103-0001"],
        "test/PNEUMONIA": ["BACTERIA-1000201-0002"],
    }
    data = prepare(write_release(tmp_path / "raw", names), tmp_path / "out", quiet=True)
    left_out = {"train/PNEUMONIA/VIRUS-1000201-0001.jpeg": "of a patient who is in test/, too"}
    assert data["source"]["duplicates"]["left_out"] == left_out


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
    with pytest.raises(FileNotFoundError, match=r"empty has neither of them; .*prepare kermany --source RAW"):
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


def test_without_data_a_phantom_is_made_and_says_so(tmp_path, caplog):
    items = {part: datalist(None, part, tmp_path, phantom_patients=4) for part in ("training", "validation", "test")}
    for part in items.values():
        assert {item["label"] for item in part} == {0, 1}
        assert all(item["phantom"] for item in part)
    assert {item["subtype"] for item in items["training"]} == {"normal", "bacteria", "virus"}


def test_fingerprints_see_pixels_and_class(raw, tmp_path):
    prepare(raw, tmp_path / "out", quiet=True)
    items = datalist(tmp_path / "out", "test", tmp_path)
    before = fingerprint(items)
    assert fingerprint([{**item, "label": 1 - item["label"]} for item in items]) != before
    save(raw / "test/NORMAL/IM-0001-0001.jpeg", picture(77))
    assert fingerprint(items) != before


def test_verify_dataset_reports_what_it_saw(raw):
    folder, duplicates = verify_dataset(raw)
    assert len(folder.good) == 14
    assert duplicates.facts() == {"exact": [], "near": [], "left_out": {}}


def test_everything_can_be_read_as_one_list(raw, tmp_path):
    prepare(raw, tmp_path / "out", quiet=True)
    parts = read_all(tmp_path / "out")
    assert sum(len(items) for items in parts.values()) == 14
    assert np.unique([item["label"] for items in parts.values() for item in items]).tolist() == [0, 1]
