import os

import pytest

from tools.handlers.data_fingerprint import fingerprint as data_fingerprint
from tools.handlers.run_folder import checkpoint_dir, fingerprint, real_or_phantom

REAL, PHANTOM = {"phantom": False}, {"phantom": True}


def test_one_phantom_item_is_enough():
    assert checkpoint_dir("models", "models/phantom", [REAL, PHANTOM]) == "models/phantom"
    assert checkpoint_dir("models", "models/phantom", [REAL, {}]) == "models"
    assert real_or_phantom([PHANTOM], real=200, phantom=2) == 2


def dataset(folder, texts=("ct", "mask"), big=b""):
    folder.mkdir(parents=True)
    for name, text in zip(("ct", "mask"), texts, strict=True):
        (folder / f"{name}.nii").write_bytes(text.encode() + big)
    return [{"image": str(folder / "ct.nii"), "label": str(folder / "mask.nii"), "patient": "a"}]


def test_moved_data_keep_their_fingerprint(tmp_path):
    assert data_fingerprint(dataset(tmp_path / "a" / "set")) == data_fingerprint(dataset(tmp_path / "b" / "c" / "set"))


def test_content_names_order_and_roles_matter(tmp_path):
    items = dataset(tmp_path / "a")
    seen = {data_fingerprint(items)}
    seen.add(data_fingerprint(dataset(tmp_path / "b", texts=("ct", "musk"))))
    seen.add(data_fingerprint([{"image": items[0]["label"], "label": items[0]["image"]}]))
    seen.add(data_fingerprint(items * 2))
    os.rename(items[0]["image"], tmp_path / "a" / "other.nii")
    seen.add(data_fingerprint([{"image": tmp_path / "a" / "other.nii", "label": items[0]["label"]}]))
    assert len(seen) == 5


@pytest.mark.parametrize("place", [0, 2_500_000, 4_999_999])
def test_large_files_are_read_at_three_places(tmp_path, place):
    items = dataset(tmp_path / "a", big=bytes(5_000_000))
    before = data_fingerprint(items)
    with open(items[0]["image"], "r+b") as file:
        file.seek(place)
        file.write(b"x")
    assert data_fingerprint(items) != before


def test_folders_and_lists_of_files(tmp_path):
    items = dataset(tmp_path / "a")
    files = [items[0]["image"], items[0]["label"]]
    assert data_fingerprint([{"image": files}]) == data_fingerprint([{"image": str(tmp_path / "a")}])
    assert data_fingerprint([]) == data_fingerprint([{"patient": "x"}])


def test_all_missing_files_are_named():
    with pytest.raises(FileNotFoundError, match="2 files of the datalist are missing: .*one.nii, .*two.nii"):
        data_fingerprint([{"image": "one.nii", "label": "two.nii"}])


def test_configuration_is_part_of_a_run(tmp_path):
    items = dataset(tmp_path / "a")
    one = fingerprint(items, learning_rate=1e-3, img_size=[256, 256])
    assert one == fingerprint(items, img_size=[256, 256], learning_rate=1e-3)
    assert one != fingerprint(items, learning_rate=2e-3, img_size=[256, 256])
    assert len(one) == 64
