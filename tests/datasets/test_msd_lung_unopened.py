"""What the converter of Task06_Lung does not open: pickles, and files outside the folder that was given."""

import os

import pytest

from tests.datasets.lung_release import edit, everyone, mask, refusal, run, save, write_release


@pytest.fixture
def source(tmp_path):
    return write_release(tmp_path / "Task06_Lung")


def test_an_entry_that_names_a_pickle_is_refused_even_beside_a_nifti_file(source, tmp_path):
    (source / "labelsTr" / "lung_002.pkl").write_bytes(b"?")
    edit(source, lambda facts: facts["training"][1].update(label="./labelsTr/lung_002.pkl"))
    assert "the label is there only as labelsTr/lung_002.pkl, which was not opened" in refusal(source, tmp_path / "out")


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
