"""Task06_Lung to a datalist: what is listed, from which layouts, and what a wrong place is answered with."""

import gzip
import json
import shutil
from functools import partial

import nibabel
import numpy as np
import pytest

from tests.datasets.file_digests import digests
from tests.datasets.lung_release import AFFINE, ct, everyone, mask, run, save, write_release
from tools.datasets import msd_lung_phantom
from tools.datasets.datalist import read_all
from tools.datasets.msd_lung import ConversionError, datalist, prepare


@pytest.fixture
def source(tmp_path):
    return write_release(tmp_path / "Task06_Lung")


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


def test_the_header_is_scaled_before_values_are_judged(source, tmp_path):
    image = nibabel.Nifti1Image((ct(2) + 1024).astype(np.uint16), AFFINE)
    image.header.set_slope_inter(1, -1024)
    nibabel.save(image, source / "imagesTr" / "lung_002.nii.gz")
    assert len(everyone(run(source, tmp_path / "out"))) == 4


def test_a_header_without_orientation_is_told(source, tmp_path):
    for folder, array in (("imagesTr", ct(2)), ("labelsTr", mask())):
        image = nibabel.Nifti1Image(array, None)
        nibabel.save(image, source / folder / "lung_002.nii.gz")
    run(source, tmp_path / "out")
    report = (tmp_path / "out" / "report.txt").read_text()
    assert "lung_002\n    - the image's header does not say how the patient lies" in report
    assert nibabel.aff2axcodes(nibabel.load(source / "imagesTr" / "lung_002.nii.gz").affine) == ("L", "A", "S")


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
