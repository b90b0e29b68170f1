"""How the chest X-rays are divided: by patient, both classes in each part, and nothing of test/ is trained on."""

import json
import shutil

import pytest
from PIL import Image

from tests.datasets.xray_release import NAMES, picture, save, write_release
from tools.datasets.kermany import datalist, prepare


@pytest.fixture
def raw(tmp_path):
    return write_release(tmp_path / "raw")


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
    assert "each of them: datalist.json, under source, duplicates" in said
    kept = json.loads((tmp_path / "out/datalist.json").read_text())
    assert kept["source"]["duplicates"] == data["source"]["duplicates"]


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


def test_the_official_test_part_is_taken_as_it_is(raw, tmp_path, capsys):
    shutil.copy(raw / "test/NORMAL/IM-0001-0001.jpeg", raw / "test/PNEUMONIA/person5_virus_6.jpeg")
    shutil.copy(raw / "test/NORMAL/IM-0001-0001.jpeg", raw / "train/PNEUMONIA/person81_virus_1.jpeg")
    data = prepare(raw, tmp_path / "out")
    assert len(data["test"]) == 5
    assert "person81" not in json.dumps(data["training"] + data["validation"])
    assert "the same pixels have another label in test/NORMAL/IM-0001-0001.jpeg" in capsys.readouterr().out


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
