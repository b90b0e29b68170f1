"""Task06_Lung to a datalist: what is listed, and what each wrong input is answered with."""

import gzip
import json
import os
import shutil
from functools import partial

import nibabel
import numpy as np
import pytest

from tests.datasets.test_nsclc_phantom import digests
from tools.datasets import msd_lung_phantom, nifti_pass
from tools.datasets.datalist import read_all
from tools.datasets.msd_lung import ConversionError, datalist, prepare

AFFINE = np.array([[-0.8, 0.1, 0, 90], [0.1, 0.7, 0, -80], [0, 0, 2.5, -300], [0, 0, 0, 1]])
SHAPE = (12, 10, 6)


def save(path, array, affine=AFFINE):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, affine), path)


def ct(seed=0, shape=SHAPE, dtype=np.int16):
    return np.random.default_rng(seed).integers(-1000, 300, shape).astype(dtype)


def mask(shape=SHAPE, value=1, dtype=np.uint8):
    array = np.zeros(shape, dtype)
    array[3:7, 3:6, 1:3] = value
    return array


def list_json(root, training, test=(), **other):
    facts = {
        "name": "Lung", "tensorImageSize": "3D", "modality": {"0": "CT"}, "labels": {"0": "background", "1": "cancer"},
        "numTraining": len(training), "numTest": len(test),
        "training": [{"image": f"./imagesTr/{n}.nii.gz", "label": f"./labelsTr/{n}.nii.gz"} for n in training],
        "test": [f"./imagesTs/{n}.nii.gz" for n in test],
    }  # fmt: skip
    (root / "dataset.json").write_text(json.dumps(facts | other))


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "Task06_Lung"
    names = [f"lung_{index:03d}" for index in range(1, 5)]
    for index, name in enumerate(names):
        save(root / "imagesTr" / f"{name}.nii.gz", ct(index))
        save(root / "labelsTr" / f"{name}.nii.gz", mask())
        (root / "imagesTr" / f"._{name}.nii.gz").write_bytes(b"\0\5\26\7 of macOS")
    save(root / "imagesTs" / "lung_005.nii.gz", ct(9))
    list_json(root, names, ["lung_005"])
    return root


def run(source, output, **options):
    return prepare(source, output, quiet=True, **options)


def refusal(source, output):
    with pytest.raises(ConversionError, match="nothing was written") as error:
        run(source, output)
    assert not output.exists()
    return str(error.value)


def everyone(data):
    return sorted(item["patient"] for part in ("training", "validation", "test") for item in data[part])


def edit(source, change):
    facts = json.loads((source / "dataset.json").read_text())
    change(facts)
    (source / "dataset.json").write_text(json.dumps(facts))


def test_volumes_are_listed_where_they_are_and_nothing_is_copied(source, tmp_path, capsys):
    before = digests(source)
    data = prepare(source, tmp_path / "out", seed=3)
    assert digests(source) == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["datalist.json", "report.txt"]
    assert [len(data[part]) for part in ("training", "validation", "test", "unlabelled")] == [2, 1, 1, 1]
    assert data["root"] == "../Task06_Lung"
    item = data["training"][0]
    name = item["patient"]
    assert (item["image"], item["label"]) == (f"imagesTr/{name}.nii.gz", f"labelsTr/{name}.nii.gz")
    assert item["target_ml"] == pytest.approx(24 * abs(np.linalg.det(AFFINE[:3, :3])) / 1000, rel=1e-5)
    assert item["target_slices"] == 2
    assert item["spacing_mm"] == pytest.approx(np.linalg.norm(AFFINE[:3, :3], axis=0), rel=1e-5)
    assert (item["shape"], item["phantom"]) == ([12, 10, 6], False)
    assert set(item["sha256"]) == {"image", "label"}
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "out" / "report.txt").read_text()
    assert "4 case(s) with label, 1 without; 4 hidden file(s), such as those of macOS, were passed over" in printed
    assert "5 case(s), 0 without target, 1 without label; patients: training 2, validation 1, test 1" in printed
    assert str(tmp_path) not in (tmp_path / "out" / "datalist.json").read_text()


def test_a_configuration_gets_absolute_paths_and_the_unlabelled_on_demand(source, tmp_path):
    run(source, tmp_path / "out")
    items = [item for part in ("training", "validation", "test") for item in datalist(tmp_path / "out", part, "unused")]
    assert {frozenset(item) for item in items} == {frozenset({"image", "label", "patient", "phantom"})}
    assert {item["image"] for item in items} == {str(path) for path in source.glob("imagesTr/lung*")}
    (without,) = datalist(tmp_path / "out", "unlabelled", "unused")
    path = str(source / "imagesTs" / "lung_005.nii.gz")
    assert without == {"image": path, "patient": "lung_005", "phantom": False}


def test_list_and_source_move_together_or_the_source_is_missed(source, tmp_path):
    run(source, tmp_path / "out")
    (tmp_path / "elsewhere").mkdir()
    for folder in ("Task06_Lung", "out"):
        (tmp_path / folder).rename(tmp_path / "elsewhere" / folder)
    assert read_all(tmp_path / "elsewhere" / "out")["test"]
    shutil.rmtree(tmp_path / "elsewhere" / "Task06_Lung")
    with pytest.raises(FileNotFoundError, match="lists files of .*Task06_Lung, which is not there: it was moved"):
        datalist(tmp_path / "elsewhere" / "out", "training", "unused")


def test_the_list_may_lie_in_the_source_itself(source):
    assert run(source, source)["root"] == "."
    assert len(datalist(source, "training", "unused")) == 2


def test_another_seed_divides_otherwise_and_no_case_is_in_two_parts(source, tmp_path):
    divisions = set()
    for seed in range(6):
        data = run(source, tmp_path / "out", seed=seed)
        assert everyone(data) == [f"lung_{index:03d}" for index in range(1, 5)]
        divisions.add(data["validation"][0]["patient"])
    assert len(divisions) > 1


def test_the_axial_axis_is_found_whatever_the_storage_order(tmp_path):
    turned = AFFINE[:, [2, 0, 1, 3]]  # the first stored axis runs along the body
    save(tmp_path / "T" / "imagesTr" / "a.nii", ct(0).transpose(2, 0, 1), turned)
    save(tmp_path / "T" / "labelsTr" / "a.nii", mask().transpose(2, 0, 1), turned)
    (item,) = run(tmp_path / "T", tmp_path / "out")["training"]
    assert item["target_slices"] == 2
    assert item["target_ml"] == pytest.approx(24 * abs(np.linalg.det(AFFINE[:3, :3])) / 1000, rel=1e-5)


@pytest.mark.parametrize("form", ["no json", "nnU-Net 1", "nnU-Net 2", "one level deeper", "uncompressed"])
def test_other_layouts_are_accepted(source, tmp_path, form):
    place, listed = source, [f"lung_{index:03d}" for index in range(1, 5)]
    if form == "no json":
        (source / "dataset.json").unlink()
    elif form.startswith("nnU-Net"):
        for path in list(source.glob("images*/lung_*")):
            path.rename(path.with_name(path.name.replace(".nii", "_0000.nii")))
        if form.endswith("2"):
            facts = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "cancer": 1}, "numTraining": 4}
            (source / "dataset.json").write_text(json.dumps(facts | {"file_ending": ".nii.gz"}))
    elif form == "one level deeper":
        place = tmp_path
    else:
        (source / "dataset.json").unlink()
        for path in list(source.glob("images*/lung_*")):
            path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
            path.unlink()
    data = run(place, tmp_path / "out")
    assert everyone(data) == listed
    assert [item["patient"] for item in data["unlabelled"]] == ["lung_005"]
    assert len(datalist(tmp_path / "out", "training", "unused")) == 2


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


def test_the_header_is_scaled_before_values_are_judged(source, tmp_path):
    image = nibabel.Nifti1Image((ct(2) + 1024).astype(np.uint16), AFFINE)
    image.header.set_slope_inter(1, -1024)
    nibabel.save(image, source / "imagesTr" / "lung_002.nii.gz")
    assert len(everyone(run(source, tmp_path / "out"))) == 4


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


def test_an_entry_that_names_a_pickle_is_refused_even_beside_a_nifti_file(source, tmp_path):
    (source / "labelsTr" / "lung_002.pkl").write_bytes(b"?")
    edit(source, lambda facts: facts["training"][1].update(label="./labelsTr/lung_002.pkl"))
    assert "the label is there only as labelsTr/lung_002.pkl, which was not opened" in refusal(source, tmp_path / "out")


def test_a_header_without_orientation_is_told(source, tmp_path):
    for folder, array in (("imagesTr", ct(2)), ("labelsTr", mask())):
        image = nibabel.Nifti1Image(array, None)
        nibabel.save(image, source / folder / "lung_002.nii.gz")
    run(source, tmp_path / "out")
    report = (tmp_path / "out" / "report.txt").read_text()
    assert "lung_002\n    - the image's header does not say how the patient lies" in report
    assert nibabel.aff2axcodes(nibabel.load(source / "imagesTr" / "lung_002.nii.gz").affine) == ("L", "A", "S")


def test_links_stay_inside_the_folder(source, tmp_path):
    path = source / "imagesTr" / "lung_002.nii.gz"
    path.rename(tmp_path / "outside.nii.gz")
    path.symlink_to(tmp_path / "outside.nii.gz")
    text = refusal(source, tmp_path / "out")
    assert "imagesTr/lung_002.nii.gz is a link that leads out of it; give the folder that holds the files" in text
    path.unlink()
    (tmp_path / "outside.nii.gz").rename(source / "kept.nii.gz")
    path.symlink_to("../kept.nii.gz")
    assert len(everyone(run(source, tmp_path / "out"))) == 4


@pytest.mark.parametrize("kind", ["pkl", "npy", "npz"])
def test_pickled_masks_are_refused_with_the_reason_and_never_opened(source, tmp_path, kind):
    for path in source.glob("labelsTr/lung_*"):
        pickled = path.with_name(f"{path.name.removesuffix('.nii.gz')}.{kind}")
        path.unlink()
        pickled.write_bytes(b"cposix\nsystem\n(S'touch opened'\ntR.")
        pickled.chmod(0)
    before = [path.stat().st_atime_ns for path in source.glob("labelsTr/lung_*")]
    text = refusal(source, tmp_path / "out")
    assert (
        f"the label is there only as labelsTr/lung_001.{kind}, which was not opened: a pickle runs whatever code"
        in text
    )
    assert "take the NIfTI file of the original release (medicaldecathlon.com)" in text
    assert "no good case is left" not in text  # the scan without label is fine
    assert [path.stat().st_atime_ns for path in source.glob("labelsTr/lung_*")] == before
    assert not os.path.exists("opened")


def test_stray_pickles_and_labels_of_the_test_part_are_told(source, tmp_path):
    (source / "labelsTr" / "lung_001.pkl").write_bytes(b"?")
    save(source / "labelsTs" / "lung_005.nii.gz", mask())
    run(source, tmp_path / "out")
    report = (tmp_path / "out" / "report.txt").read_text()
    assert "1 pickle or numpy file(s) were not opened, since that could run their code" in report
    assert "labelsTs is not used: what lies in imagesTs counts as without label" in report


def test_an_empty_label_is_kept_on_demand(source, tmp_path):
    BREAKAGES["label empty"][0](source)
    data = run(source, tmp_path / "out", allow_empty=True)
    assert sum(item["target_slices"] == 0 for part in ("training", "validation", "test") for item in data[part]) == 1
    assert "the label is empty: kept as a patient without target" in (tmp_path / "out" / "report.txt").read_text()


def test_wrong_places_are_named(source, tmp_path):
    with pytest.raises(FileNotFoundError, match="--source does not exist: .*nowhere; give the unpacked Task06_Lung"):
        run(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "Task06_Lung.tar").write_text("x")
    with pytest.raises(NotADirectoryError, match="--source must be a folder, this is a file: .*unpack it first"):
        run(tmp_path / "Task06_Lung.tar", tmp_path / "out")
    with pytest.raises(NotADirectoryError, match="--output must be a folder"):
        run(source, tmp_path / "Task06_Lung.tar")
    with pytest.raises(
        ConversionError, match="is no Task06_Lung folder; expected there: .* found lung_001.nii.gz, lung"
    ):
        run(source / "labelsTr", tmp_path / "out")
    (tmp_path / "copy" / "imagesTr").mkdir(parents=True)
    with pytest.raises(ValueError, match="holds several data sets .Task06_Lung, copy.; give one as --source"):
        run(tmp_path, tmp_path / "out")
    with pytest.raises(ConversionError, match="there is no case with label: expected imagesTr/lung_001.nii.gz with"):
        run(tmp_path / "copy", tmp_path / "out")
    with pytest.raises(ValueError, match="fractions must be 0 or more"):
        run(source, tmp_path / "out", val_fraction=1)
    assert not (tmp_path / "out").exists()


def test_a_raw_folder_given_for_training_is_answered_with_the_command(source, tmp_path):
    with pytest.raises(FileNotFoundError, match="has no datalist.json; expected there: datalist.json") as error:
        datalist(source, "training", tmp_path / "phantom")
    assert f"python -m tools prepare msd_lung --source {source} --output {source}" in str(error.value)
    with pytest.raises(FileNotFoundError, match="prepare msd_lung --source RAW --output .*nowhere"):
        datalist(tmp_path / "nowhere", "training", tmp_path / "phantom")
    assert not (tmp_path / "phantom").exists()


def test_without_a_dataset_a_phantom_is_made_once(tmp_path, caplog, monkeypatch):
    coarse = partial(msd_lung_phantom.write_phantom, pixel_mm=8.0, thickness_mm=12.0)
    monkeypatch.setattr(msd_lung_phantom, "write_phantom", coarse)
    training = datalist(None, "training", tmp_path / "phantom", phantom_patients=3)
    validation = datalist("", "validation", tmp_path / "phantom", phantom_patients=3)
    assert ["no dataset_dir was given: a" in record.message for record in caplog.records] == [True]
    assert "prepare msd_lung --source RAW" in caplog.records[0].message
    assert all(item["phantom"] for item in training + validation)
    (made,) = (tmp_path / "phantom").iterdir()
    assert made.name.startswith("msd_lung-easy-3-patients-seed-0-v")
