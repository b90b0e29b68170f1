"""The converter of the chest X-rays: what it makes of a good release, wherever it lies."""

import shutil

import numpy as np
import pytest

from tests.datasets.xray_release import picture, save, write_release
from tools.datasets.conversion_report import ConversionError
from tools.datasets.datalist import read_all
from tools.datasets.kermany import datalist, prepare
from tools.datasets.kermany_check import verify_dataset
from tools.handlers.data_fingerprint import fingerprint


@pytest.fixture
def raw(tmp_path):
    return write_release(tmp_path / "raw")


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


def test_the_test_images_alone_can_be_scored(raw, tmp_path):
    shutil.rmtree(raw / "train")
    items = datalist(raw, "test", tmp_path)
    assert [item["label"] for item in items] == [0, 0, 1, 1]
    assert items[2]["subtype"] == "bacteria"
    with pytest.raises(ConversionError, match="the folder train/ must be there"):
        datalist(raw, "training", tmp_path)


def test_scoring_the_test_part_does_not_look_at_train(raw, tmp_path):
    (raw / "train/NORMAL/IM-0117-0001.jpeg").write_bytes(b"")
    assert len(datalist(raw, "test", tmp_path)) == 4


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
