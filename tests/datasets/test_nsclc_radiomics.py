import json
import os
import shutil
from collections import namedtuple

import nibabel
import numpy as np
import pytest

from tests.datasets.dicom_factory import OBLIQUE, make_ct, make_rtstruct, make_seg
from tools.datasets import case_record, nsclc_radiomics, whole_files
from tools.datasets.nsclc_radiomics import ConversionError, datalist, prepare


def patient(source, name, *, contours=2, **options):
    ct = make_ct(source / f"folder of {name}" / "1.0-NA", patient=name, **options)
    boxes = [ct.box((2.5, 2.5), (6.5, 5.5), index) for index in range(1, 1 + contours)]
    make_rtstruct(ct, source / f"folder of {name}" / "2.0-NA" / "1-1.dcm", {"Lung": [], "GTV-1": boxes})
    return ct


@pytest.fixture
def source(tmp_path):
    for index in range(1, 5):
        patient(tmp_path / "raw", f"LUNG1-{index:03d}", orientation=OBLIQUE)
    return tmp_path / "raw"


def run(source, output, **options):
    return prepare(source, output, quiet=True, **options)


def counted(monkeypatch, names):
    """Note which cases are written anew."""
    real = nsclc_radiomics.write_case

    def write_case(output, case, *args, **options):
        names.append(case.name)
        return real(output, case, *args, **options)

    monkeypatch.setattr(nsclc_radiomics, "write_case", write_case)


def tree_of(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_tree_becomes_nifti_in_hounsfield_units_with_its_mask_in_place(tmp_path):
    ct = patient(tmp_path / "raw", "LUNG1-001", orientation=OBLIQUE)
    (tmp_path / "raw" / "readme.txt").write_text("no DICOM")
    data = run(tmp_path / "raw", tmp_path / "out")
    image = nibabel.load(tmp_path / "out" / "images" / "LUNG1-001.nii")
    label = nibabel.load(tmp_path / "out" / "labels" / "LUNG1-001.nii.gz")
    assert image.get_data_dtype() == np.int16
    assert label.get_data_dtype() == np.uint8
    assert np.array_equal(image.dataobj, ct.stored.transpose(2, 1, 0) - 1024)
    assert np.array_equal(image.affine, label.affine)
    voxel = (3, 4, 1)
    assert np.allclose((image.affine @ [*voxel, 1])[:3], ct.at(*voxel) * [-1, -1, 1], atol=1e-4)
    assert np.asarray(label.dataobj)[3:7, 3:6, 1:3].all()
    assert np.asarray(label.dataobj).sum() == 24
    (item,) = data["training"]
    assert item["target_ml"] == pytest.approx(24 * 0.8 * 0.7 * 3 / 1000)
    assert item["target_slices"] == 2
    assert item["spacing_mm"] == pytest.approx([0.7, 0.8, 3.0])
    assert item["shape"] == [12, 10, 6]
    assert (item["phantom"], item["suspect"], item["outline"]) == (False, False, "RTSTRUCT")
    assert image.header["qform_code"] == image.header["sform_code"] == 1


def test_a_sheared_grid_is_kept_by_the_sform(tmp_path):
    ct = patient(tmp_path / "raw", "LUNG1-001", lean=(0, 0.8, 0))
    run(tmp_path / "raw", tmp_path / "out")
    image = nibabel.load(tmp_path / "out" / "images" / "LUNG1-001.nii")
    assert image.header["qform_code"] == 0
    assert np.allclose((image.affine @ [3, 4, 5, 1])[:3], ct.at(3, 4, 5) * [-1, -1, 1], atol=1e-4)
    assert "gantry tilt" in (tmp_path / "out" / "report.txt").read_text()


def test_the_datalist_and_the_report_show_the_numbers_and_no_names(source, tmp_path, capsys):
    data = prepare(source, tmp_path / "out", seed=3)
    assert [len(data[part]) for part in ("training", "validation", "test")] == [2, 1, 1]
    assert data["is_phantom"] is False
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "out" / "report.txt").read_text()
    assert "4 case(s), 0 without target; patients: training 2, validation 1, test 1 (seed 3)" in printed
    assert "LUNG1-003" in printed
    assert "12x10x6" in printed
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or b"Secret" not in path.read_bytes()
    assert tree_of(tmp_path / "out") == {"datalist.json", "report.txt"} | {
        name
        for index in range(1, 5)
        for name in (f"images/LUNG1-00{index}.nii", f"labels/LUNG1-00{index}.nii.gz", f"cases/LUNG1-00{index}.json")
    }
    assert str(tmp_path) not in (tmp_path / "out" / "datalist.json").read_text()


def test_all_problems_of_all_patients_are_one_error_and_nothing_is_written(source, tmp_path):
    patient(source, "LUNG1-005", leave_out=(2, 3))
    patient(source, "LUNG1-006", change=lambda index, dataset: delattr(dataset, "RescaleSlope"))
    patient(source, "LUNG1-007", contours=0)
    shutil.rmtree(source / "folder of LUNG1-001" / "2.0-NA")
    (source / "cut.dcm").write_bytes(next((source / "folder of LUNG1-002" / "1.0-NA").iterdir()).read_bytes()[:150])
    with pytest.raises(ConversionError, match=r"5 problem\(s\) in .*nothing was written") as error:
        run(source, tmp_path / "out")
    text = str(error.value)
    for expected in (
        "LUNG1-005\n    - CT series 'CT description'", "2 missing slice(s)", "6 of 6 file(s): RescaleSlope is missing",
        "'GTV-1' has no contour or voxel", "an RTSTRUCT or SEG is needed", "cut.dcm: damaged", "pass --skip-bad",
    ):  # fmt: skip
        assert expected in text
    assert "Secret" not in text
    assert not (tmp_path / "out").exists()


def test_skip_bad_converts_the_good_ones_and_lists_the_rest(source, tmp_path):
    patient(source, "LUNG1-005", leave_out=(2, 3))
    data = run(source, tmp_path / "out", skip_bad=True)
    assert sum(len(data[part]) for part in ("training", "validation", "test")) == 4
    assert data["source"]["left_out"] == ["LUNG1-005"]
    report = (tmp_path / "out" / "report.txt").read_text()
    assert "Left out (1 problem(s)):\n  LUNG1-005" in report
    assert "2 missing slice(s)" in report
    assert not (tmp_path / "out" / "images" / "LUNG1-005.nii").exists()


def test_skip_bad_with_nothing_good_is_still_an_error(tmp_path):
    patient(tmp_path / "raw", "LUNG1-001", leave_out=(2, 3))
    with pytest.raises(ConversionError, match="no good case is left; nothing was written"):
        run(tmp_path / "raw", tmp_path / "out", skip_bad=True)
    assert not (tmp_path / "out").exists()


def test_a_damaged_outline_does_not_hide_the_other_patients(source, tmp_path, monkeypatch):
    real = nsclc_radiomics.target_mask

    def fragile(case, allow_empty=False):
        if case.name == "LUNG1-002":
            raise EOFError("end of file")
        return real(case, allow_empty)

    monkeypatch.setattr(nsclc_radiomics, "target_mask", fragile)
    with pytest.raises(ConversionError, match="the outline cannot be understood .EOFError: end of file"):
        run(source, tmp_path / "out")


def test_an_interrupted_run_continues_and_keeps_what_is_finished(source, tmp_path, monkeypatch):
    real = nsclc_radiomics.write_case

    def stop(output, case, *args, **options):
        if case.name == "LUNG1-003":
            raise KeyboardInterrupt
        return real(output, case, *args, **options)

    monkeypatch.setattr(nsclc_radiomics, "write_case", stop)
    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / "out")
    assert not (tmp_path / "out" / "datalist.json").exists()
    done = []
    monkeypatch.setattr(nsclc_radiomics, "write_case", real)
    counted(monkeypatch, done)
    data = run(source, tmp_path / "out")
    assert done == ["LUNG1-003", "LUNG1-004"]
    again = run(source, tmp_path / "fresh")
    assert again["fingerprint"] == data["fingerprint"]
    assert again == data


def test_a_kill_in_the_middle_of_a_file_leaves_no_half_written_file(source, tmp_path, monkeypatch):
    real = nibabel.save

    def half(image, path):
        real(image, path)
        if "LUNG1-002" in str(path):
            os.truncate(path, 100)
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(whole_files.nibabel, "save", half)
    with pytest.raises(OSError, match="No space left"):
        run(source, tmp_path / "out")
    assert tree_of(tmp_path / "out") == {
        "images/LUNG1-001.nii", "labels/LUNG1-001.nii.gz", "cases/LUNG1-001.json"
    }  # fmt: skip
    (tmp_path / "out" / "images" / ".partial-1-LUNG1-002.nii").write_bytes(b"left by a killed run")
    monkeypatch.undo()
    run(source, tmp_path / "out")
    assert not [name for name in tree_of(tmp_path / "out") if "partial" in name]


@pytest.mark.parametrize("change", ["image", "record", "source", "roi", "version"])
def test_a_case_is_made_again_when_anything_it_depends_on_changed(source, tmp_path, monkeypatch, change):
    first = run(source, tmp_path / "out")
    calls, options, name = [], {}, "LUNG1-002"
    if change == "image":
        with (tmp_path / "out" / "images" / f"{name}.nii").open("r+b") as stream:
            stream.seek(400)
            stream.write(b"\x01\x02")
    elif change == "record":
        (tmp_path / "out" / "cases" / f"{name}.json").write_text("{")
    elif change == "source":
        path = next((source / f"folder of {name}" / "1.0-NA").iterdir())
        path.write_bytes(path.read_bytes()[:-2] + b"\x07\x07")
    elif change == "roi":
        options["roi"] = "GTV-1"
    else:
        monkeypatch.setattr(nsclc_radiomics, "VERSION", "9.9.9")
    counted(monkeypatch, calls)
    second = run(source, tmp_path / "out", **options)
    assert calls == ([name] if change in ("image", "record", "source") else [f"LUNG1-00{i}" for i in range(1, 5)])
    assert (second["fingerprint"] == first["fingerprint"]) == (change != "source")


def test_another_seed_rewrites_the_datalist_only(source, tmp_path, monkeypatch):
    run(source, tmp_path / "out", seed=0)
    monkeypatch.setattr(nsclc_radiomics, "write_case", None)
    parts = {json.dumps(run(source, tmp_path / "out", seed=seed)["validation"]) for seed in range(6)}
    assert len(parts) > 1


def test_warnings_survive_a_second_run(tmp_path):
    patient(tmp_path / "raw", "LUNG1-001", change=lambda i, ds: setattr(ds, "RescaleIntercept", 0))
    run(tmp_path / "raw", tmp_path / "out")
    first = (tmp_path / "out" / "report.txt").read_text()
    assert "the lowest value is 0, but air is -1000 HU" in first
    run(tmp_path / "raw", tmp_path / "out")
    assert (tmp_path / "out" / "report.txt").read_text() == first


def test_a_blank_ct_is_told(tmp_path):
    patient(tmp_path / "raw", "LUNG1-001", change=lambda i, ds: setattr(ds, "PixelData", bytes(240)))
    run(tmp_path / "raw", tmp_path / "out")
    assert "every voxel has the value -1024" in (tmp_path / "out" / "report.txt").read_text()


def test_suspect_patients_are_converted_and_marked(tmp_path):
    patient(tmp_path / "raw", "LUNG1-085")
    data = run(tmp_path / "raw", tmp_path / "out")
    assert data["training"][0]["suspect"] is True
    assert "misregistered or post-operative patients: suspect" in (tmp_path / "out" / "report.txt").read_text()


def test_a_hostile_patient_id_stays_inside_the_output(tmp_path):
    ct = make_ct(tmp_path / "raw" / "ct", patient="../../../evil")
    make_rtstruct(ct, tmp_path / "raw" / "rt.dcm", {"GTV-1": [ct.box((2, 2), (5, 5), 2)]})
    data = run(tmp_path / "raw", tmp_path / "a" / "b" / "out")
    assert data["training"][0]["image"].startswith("images/evil-")
    assert tree_of(tmp_path / "a") == {f"b/out/{name}" for name in tree_of(tmp_path / "a" / "b" / "out")}
    with pytest.raises(ValueError, match="a case must stay inside"):
        whole_files.inside(tmp_path / "out", "images", "../../x")


def test_a_patient_with_a_seg_is_converted(tmp_path):
    ct = make_ct(tmp_path / "raw" / "ct")
    pixels = np.zeros((10, 12))
    pixels[7, 2] = 1
    make_seg(ct, tmp_path / "raw" / "seg.dcm", [(1, 4, pixels)], ["GTV-1"])
    data = run(tmp_path / "raw", tmp_path / "out")
    label = np.asarray(nibabel.load(tmp_path / "out" / data["training"][0]["label"]).dataobj)
    assert np.argwhere(label).tolist() == [[2, 7, 4]]
    assert data["training"][0]["outline"] == "SEG"


def test_wrong_arguments_are_refused_before_the_source_is_read(source, tmp_path):
    with pytest.raises(ValueError, match=r"--roi must be a regular expression, got '\('"):
        run(source, tmp_path / "out", roi="(")
    with pytest.raises(ValueError, match="fractions must be 0 or more"):
        run(source, tmp_path / "out", val_fraction=0.8, test_fraction=0.4)
    with pytest.raises(FileNotFoundError, match="the DICOM folder does not exist"):
        run(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError, match="--output must be a folder"):
        run(source, tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConversionError, match="no DICOM images in .*empty .0 files are no DICOM"):
        run(tmp_path / "empty", tmp_path / "out")


def test_a_full_disk_is_told_before_the_first_file(source, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(case_record.shutil, "disk_usage", lambda path: usage(10, 9, 1))
    with pytest.raises(OSError, match=r"needs about 0 MB for 4 case.*make room"):
        run(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_converted_set_is_read(source, tmp_path):
    run(source, tmp_path / "out")
    items = datalist(str(tmp_path / "out"), "training", tmp_path / "phantom")
    assert all(os.path.isfile(item["image"]) and not item["phantom"] for item in items)
    assert not (tmp_path / "phantom").exists()
