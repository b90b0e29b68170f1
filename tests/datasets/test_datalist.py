import json

import nibabel
import numpy as np
import pytest

from tools.datasets.datalist import read_all, read_datalist, write_datalist
from tools.datasets.patient_split import split_patients


def item(folder, patient, target_ml=1.0, shape=(4, 5, 6), label_shape=None, phantom=False):
    for kind, size in (("image", shape), ("label", label_shape or shape)):
        (folder / f"{kind}s").mkdir(exist_ok=True)
        array = np.zeros(size, np.int16)
        nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), folder / f"{kind}s" / f"{patient}.nii")
    return {
        "image": f"images/{patient}.nii", "label": f"labels/{patient}.nii", "patient": patient, "phantom": phantom,
        "target_ml": target_ml, "sha256": {"image": "a" + patient, "label": "b" + patient},
    }  # fmt: skip


def write(folder, cases, **options):
    return write_datalist(folder, cases, name="test", converter_version="1", **options)


FRACTIONS = {"validation": 0.2, "test": 0.2}


SIZES = [(0, (0, 0, 0)), (1, (1, 0, 0)), (2, (1, 1, 0)), (3, (1, 1, 1)), (10, (6, 2, 2)), (50, (30, 10, 10))]


@pytest.mark.parametrize(("count", "sizes"), SIZES)
def test_small_sets_keep_training_then_validation_then_test(count, sizes):
    patients = [f"P{i}" for i in range(count)]
    parts = split_patients(patients, FRACTIONS, seed=1)
    assert tuple(len(part) for part in parts.values()) == sizes
    assert sorted(sum(parts.values(), [])) == sorted(patients)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_training_keeps_a_patient_whatever_the_fractions(count):
    parts = split_patients([f"P{i}" for i in range(count)], {"validation": 0.9, "test": 0.05}, seed=1)
    assert len(parts["training"]) == 1
    assert sum(map(len, parts.values())) == count


def test_the_division_depends_on_the_seed_alone_and_not_on_the_order():
    patients = [f"P{i}" for i in range(20)]
    assert split_patients(patients, FRACTIONS, 3) == split_patients(patients[::-1], FRACTIONS, 3)
    assert split_patients(patients, FRACTIONS, 3) != split_patients(patients, FRACTIONS, 4)


def test_no_test_part_when_its_fraction_is_zero():
    parts = split_patients([f"P{i}" for i in range(5)], {"validation": 0.2, "test": 0}, 0)
    assert len(parts["test"]) == 0
    assert len(parts["validation"]) == 1


@pytest.mark.parametrize("seed", range(10))
def test_validation_is_never_made_of_patients_without_target_alone(seed):
    empty = ["E1", "E2", "E3", "E4"]
    parts = split_patients(["A", "B", *empty], FRACTIONS, seed, without_target=empty)
    assert set(parts["validation"]) & {"A", "B"}
    assert set(parts["training"]) & {"A", "B"}


def test_validation_gets_a_patient_without_target_rather_than_none():
    parts = split_patients("ABC", FRACTIONS, 0, without_target="BC")
    assert "A" in parts["training"]
    assert len(parts["validation"]) == 1


@pytest.mark.parametrize("fractions", [{"validation": 0.7, "test": 0.3}, {"validation": -0.1}, {"test": float("nan")}])
def test_impossible_fractions_are_refused(fractions):
    with pytest.raises(ValueError, match="fractions must be 0 or more and leave some training data"):
        split_patients(["A"], fractions, 0)


def test_what_is_written_is_read_with_absolute_paths(tmp_path):
    cases = [item(tmp_path, f"P{i}", phantom=i == 0) for i in range(5)]
    data = write(tmp_path, cases, seed=2, source={"cases": 5})
    assert data["is_phantom"] is True
    parts = read_all(tmp_path)
    everyone = sum(parts.values(), [])
    assert sorted(entry["patient"] for entry in everyone) == [f"P{i}" for i in range(5)]
    assert sum(entry["phantom"] for entry in everyone) == 1
    first = read_datalist(str(tmp_path), "training")[0]
    assert set(first) == {"image", "label", "patient", "phantom"}
    assert first["image"] == str((tmp_path / "images" / f"{first['patient']}.nii").resolve())


def test_scans_of_one_patient_stay_together(tmp_path):
    cases = [item(tmp_path, f"{patient}{scan}") | {"patient": patient} for patient in "ABCDE" for scan in range(3)]
    data = write(tmp_path, cases)
    for part in ("training", "validation", "test"):
        assert len(data[part]) == 3 * len({entry["patient"] for entry in data[part]})


def test_the_fingerprint_follows_the_content_and_not_the_split(tmp_path):
    cases = [item(tmp_path, f"P{i}") for i in range(4)]
    one = write(tmp_path, cases, seed=1)
    two = write(tmp_path, cases[::-1], seed=5)
    assert one["fingerprint"] == two["fingerprint"]
    cases[0]["sha256"]["label"] = "c"
    assert write(tmp_path, cases)["fingerprint"] != one["fingerprint"]
    assert not list(tmp_path.glob(".partial*"))


def test_all_wrong_items_are_listed_at_once(tmp_path):
    cases = [item(tmp_path, f"P{i}") for i in range(4)]
    cases.append(item(tmp_path, "shape", label_shape=(4, 5, 7)))
    (tmp_path / "images" / "P1.nii").unlink()
    (tmp_path / "labels" / "P2.nii").write_text("no nifti")
    cases[3]["image"] = "../outside.nii"
    write(tmp_path, cases)
    with pytest.raises(ValueError, match="does not fit its files") as error:
        read_datalist(tmp_path, "training")
    text = str(error.value)
    assert "P1: the image is missing: images/P1.nii" in text
    assert "P2: the label is no readable NIfTI" in text
    assert "P3: the image must lie inside the folder, found ../outside.nii" in text
    assert "shape: image and label must have one shape, found (4, 5, 6) and (4, 5, 7)" in text


def edit(folder, change):
    data = json.loads((folder / "datalist.json").read_text())
    change(data)
    (folder / "datalist.json").write_text(json.dumps(data))


def test_a_patient_in_two_parts_is_refused(tmp_path):
    write(tmp_path, [item(tmp_path, f"P{i}") for i in range(4)])
    edit(tmp_path, lambda data: data["validation"].append(data["training"][0]))
    with pytest.raises(ValueError, match="is in training and in validation: split by patient"):
        read_datalist(tmp_path, "training")


def test_an_item_without_keys_is_named(tmp_path):
    write(tmp_path, [item(tmp_path, f"P{i}") for i in range(4)])
    edit(tmp_path, lambda data: data["training"][0].pop("label"))
    with pytest.raises(ValueError, match="needs image, label and patient, missing: label"):
        read_datalist(tmp_path, "training")


@pytest.mark.parametrize("text", ["{", "[]", '{"training": []}', '{"training": [3], "validation": [], "test": []}'])
def test_a_damaged_file_is_refused(tmp_path, text):
    (tmp_path / "datalist.json").write_text(text)
    with pytest.raises(ValueError, match="is damaged"):
        read_datalist(tmp_path, "training")


def test_a_missing_file_an_unknown_part_and_an_empty_part_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no datalist.json in"):
        read_datalist(tmp_path, "training")
    write(tmp_path, [item(tmp_path, "P0")])
    with pytest.raises(ValueError, match="split must be one of training, validation, test, unlabelled, got 'train'"):
        read_datalist(tmp_path, "train")
    with pytest.raises(ValueError, match="the 'validation' part of .* is empty .*validation 0, test 0, unlabelled 0"):
        read_datalist(tmp_path, "validation")
