"""Every way a case or the list of Task06_Lung can be wrong: it is named, and nothing is written."""

import shutil

import numpy as np
import pytest

from tests.datasets.lung_release import AFFINE, SHAPE, ct, edit, everyone, mask, refusal, run, save, write_release
from tools.datasets import nifti_pass


@pytest.fixture
def source(tmp_path):
    return write_release(tmp_path / "Task06_Lung")


def damage(path, change):
    path.write_bytes(change(path.read_bytes()))


def flip_last_byte_of_the_checksum(data):
    return data[:-5] + bytes([data[-5] ^ 255]) + data[-4:]


BREAKAGES = {
    "image missing": (
        lambda s: (s / "imagesTr/lung_002.nii.gz").unlink(),
        "lung_002\n    - the image is missing: imagesTr/lung_002.nii.gz; unpack the release again",
    ),
    "label missing": (
        lambda s: (s / "labelsTr/lung_002.nii.gz").unlink(),
        "lung_002\n    - the label is missing: labelsTr/lung_002.nii.gz; unpack the release again",
    ),
    "not listed": (
        lambda s: save(s / "imagesTr/lung_077.nii.gz", ct(7)),
        "lung_077\n    - dataset.json does not list imagesTr/lung_077.nii.gz under training; add an entry",
    ),
    "test not listed": (
        lambda s: save(s / "imagesTs/lung_078.nii.gz", ct(7)),
        "lung_078\n    - dataset.json does not list imagesTs/lung_078.nii.gz under test; add an entry",
    ),
    "numTraining": (
        lambda s: edit(s, lambda facts: facts.update(numTraining=63)),
        "dataset.json: numTraining must be the number of training entries, found 63 for 4; entries may be missing",
    ),
    "listed twice": (
        lambda s: edit(s, lambda facts: facts["training"].append(facts["training"][0])),
        "there are two cases of this name, imagesTr/lung_001.nii.gz and imagesTr/lung_001.nii.gz; keep one",
    ),
    "out of the folder": (
        lambda s: edit(s, lambda facts: facts["training"][1].update(label="../labelsTr/lung_002.nii.gz")),
        "the label must lie inside the folder, dataset.json names '../labelsTr/lung_002.nii.gz'; correct the entry",
    ),
    "absolute": (
        lambda s: edit(s, lambda facts: facts["test"].append("/etc/passwd")),
        "the image must lie inside the folder, dataset.json names '/etc/passwd'; correct the entry",
    ),
    "not NIfTI": (
        lambda s: edit(s, lambda facts: facts["training"][1].update(label="./labelsTr/lung_002.mha")),
        "the label must be NIfTI (.nii or .nii.gz), found labelsTr/lung_002.mha; convert it",
    ),
    "entry without label": (
        lambda s: edit(s, lambda facts: facts["training"][1].pop("label")),
        "dataset.json: a training entry needs image and label, found {'image': './imagesTr/lung_002.nii.gz'}",
    ),
    "test entry": (
        lambda s: edit(s, lambda facts: facts["test"].append(7)),
        "dataset.json: a test entry must be a file name, found 7",
    ),
    "other task": (
        lambda s: edit(s, lambda facts: facts.update(labels={"0": "background", "1": "liver", "2": "cancer"})),
        "dataset.json: labels must be 0 and 1 (background, tumour), found {'0': 'background', '1': 'liver', '2': 'can",
    ),
    "other modality": (
        lambda s: edit(s, lambda facts: facts.update(modality={"0": "MRI"})),
        "dataset.json: modality must be one channel, CT, found {'0': 'MRI'}; is this Task06_Lung?",
    ),
    "json damaged": (
        lambda s: (s / "dataset.json").write_text("{"),
        "dataset.json cannot be read (Expecting property name",
    ),
    "json no object": (
        lambda s: (s / "dataset.json").write_text("[]"),
        "dataset.json must hold one object, found a list; copy it again",
    ),
    "second channel": (
        lambda s: [save(s / f"imagesTr/lung_002_000{i}.nii.gz", ct(i)) for i in range(2)],
        "imagesTr/lung_002_0001.nii.gz is a second channel, but a case is one CT volume; move it away",
    ),
    "two files": (
        lambda s: save(s / "imagesTr/lung_002.nii", ct(2)),
        "imagesTr: lung_002.nii and lung_002.nii.gz are the same case; keep one of them",
    ),
    "other shape": (
        lambda s: save(s / "labelsTr/lung_002.nii.gz", mask((12, 10, 7))),
        "lung_002\n    - image and label must have one shape, found (12, 10, 6) and (12, 10, 7); take the label that",
    ),
    "other affine": (
        lambda s: save(s / "labelsTr/lung_002.nii.gz", mask(), AFFINE + np.eye(4) * [0, 0, 0.5, 0]),
        "image and label must lie on one grid, but their affines place a corner 2.50 mm apart; save the label",
    ),
    "label of 255": (
        lambda s: save(s / "labelsTr/lung_002.nii.gz", mask(value=255)),
        "the label may hold only 0 and 1, found 255 in 24 voxels; write the mask of the tumour with 1",
    ),
    "label of halves": (
        lambda s: save(s / "labelsTr/lung_002.nii.gz", mask(value=0.5, dtype=np.float32)),
        "the label may hold only 0 and 1, found 0.5 in 24 voxels",
    ),
    "label is an image": (
        lambda s: save(s / "labelsTr/lung_002.nii.gz", ct(3)),
        "the label may hold only 0 and 1, found more than 64 values from -9",
    ),
    "label with NaN": (
        lambda s: save(s / "labelsTr/lung_002.nii.gz", mask(value=np.nan, dtype=np.float32)),
        "the label has 24 voxels that are NaN or infinite; export it again",
    ),
    "label empty": (
        lambda s: save(s / "labelsTr/lung_002.nii.gz", mask(value=0)),
        "the label is empty; if the patient truly has no tumour, pass --allow-empty",
    ),
    "no NIfTI": (
        lambda s: (s / "imagesTr/lung_002.nii.gz").write_text("not one"),
        "the image imagesTr/lung_002.nii.gz is no readable NIfTI file (",
    ),
    "cut short": (
        lambda s: damage(s / "imagesTr/lung_002.nii.gz", lambda data: data[:-300]),
        "the image imagesTr/lung_002.nii.gz is cut short or damaged (",
    ),
    "checksum": (
        lambda s: damage(s / "imagesTr/lung_002.nii.gz", flip_last_byte_of_the_checksum),
        "the image imagesTr/lung_002.nii.gz is cut short or damaged (CRC check failed",
    ),
    "four axes": (
        lambda s: save(s / "imagesTr/lung_002.nii.gz", ct(2, (12, 10, 6, 2))),
        "must be one volume with three axes, found the shape (12, 10, 6, 2); save the CT volume alone",
    ),
    "colour": (
        lambda s: save(s / "imagesTr/lung_002.nii.gz", np.zeros(SHAPE, [(c, "u1") for c in "RGB"])),
        "must hold one number a voxel, found [('R', 'u1'), ('G', 'u1'), ('B', 'u1')]; save it in grey values",
    ),
    "NaN": (
        lambda s: save(s / "imagesTr/lung_002.nii.gz", np.where(mask() > 0, np.nan, ct(2)).astype(np.float32)),
        "the image has 24 voxels that are NaN or infinite; export it again",
    ),
    "a picture": (
        lambda s: save(s / "imagesTr/lung_002.nii.gz", (ct(2) // 10 + 120).astype(np.uint8)),
        "the image's values go from 20 to 149, but air in a CT is -1000 HU: these are no Hounsfield units",
    ),
    "blank": (
        lambda s: save(s / "imagesTr/lung_002.nii.gz", np.full(SHAPE, -1000, np.int16)),
        "every voxel of the image has the value -1000: it is blank",
    ),
    "no tissue": (
        lambda s: save(s / "imagesTr/lung_002.nii.gz", ct(2) - np.int16(500)),
        "HU: there is no tissue in it; copy it again",
    ),
    "spacing in metres": (
        lambda s: [save(s / f"{f}sTr/lung_002.nii.gz", ct(2), AFFINE / 1000) for f in ("image", "label")],
        "voxels must be 0.1 to 50 mm apart, the image's header says 0.0008062, 0.0007071, 0.0025",
    ),
    "same image twice": (
        lambda s: shutil.copy(s / "imagesTr/lung_001.nii.gz", s / "imagesTs/lung_005.nii.gz"),
        "imagesTs/lung_005.nii.gz and imagesTr/lung_001.nii.gz are the same file: one patient could fall into",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_wrong_input_is_named_and_nothing_is_written(source, tmp_path, name):
    change, message = BREAKAGES[name]
    change(source)
    text = refusal(source, tmp_path / "out")
    assert message in text
    assert "pass --skip-bad" in text


def test_all_problems_come_at_once_and_skip_bad_lists_the_rest(source, tmp_path):
    for name in ("other shape", "not listed", "numTraining"):
        BREAKAGES[name][0](source)
    text = refusal(source, tmp_path / "out")
    assert "3 problem(s) in" in text
    assert all(BREAKAGES[name][1] in text for name in ("other shape", "not listed", "numTraining"))
    data = run(source, tmp_path / "out", skip_bad=True)
    assert everyone(data) == ["lung_001", "lung_003", "lung_004"]
    assert data["source"]["left_out"] == ["lung_002", "lung_077"]
    report = (tmp_path / "out" / "report.txt").read_text()
    assert "Left out (3 problem(s)):" in report
    assert "lung_002\n    - image and label must have one shape" in report


def test_a_volume_is_read_in_pieces(source, tmp_path, monkeypatch):
    whole = run(source, tmp_path / "whole")
    BREAKAGES["label of 255"][0](source)
    monkeypatch.setattr(nifti_pass, "SLAB_BYTES", 12 * 10 * 2)  # one slice of the image, two of the label
    assert BREAKAGES["label of 255"][1] in refusal(source, tmp_path / "out")
    save(source / "labelsTr" / "lung_002.nii.gz", mask())
    pieces = run(source, tmp_path / "pieces")
    assert {part: pieces[part] for part in ("training", "validation")} == {
        part: whole[part] for part in ("training", "validation")
    }


def test_an_empty_label_is_kept_on_demand(source, tmp_path):
    BREAKAGES["label empty"][0](source)
    data = run(source, tmp_path / "out", allow_empty=True)
    assert sum(item["target_slices"] == 0 for part in ("training", "validation", "test") for item in data[part]) == 1
    assert "the label is empty: kept as a patient without target" in (tmp_path / "out" / "report.txt").read_text()
