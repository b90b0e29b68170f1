"""A DICOM SEG of an earlier mask is gone before the new mask is there; files of others stay."""

import logging

import nibabel
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import SaveImage
from pydicom import dcmread

from tests.datasets.dicom_factory import make_ct
from tests.transforms.test_mask_to_seg import encode, some_mask
from tools.datasets.dicom_files import scan_folder
from tools.transforms.mask_writer import MaskWriter


@pytest.fixture
def seg(tmp_path):
    """The SEG of an earlier run, with a mask beside it, as inference leaves them."""
    make_ct(tmp_path / "ct")
    (series,) = scan_folder(tmp_path / "ct").series
    path = tmp_path / "out" / "a" / "a_seg.dcm"
    write(path)
    encode(some_mask(), series).save_as(path)
    return path


def write(seg, value=0.0):
    mask = MetaTensor(torch.full((1, 4, 5, 6), value), affine=torch.eye(4), meta={"filename_or_obj": "a.nii.gz"})
    SaveImage(seg.parents[1], output_postfix="seg", writer=MaskWriter, resample=False, print_log=False)(mask)


@pytest.mark.parametrize("name", ["a_seg.dcm", "b_seg.dcm"])
def test_the_seg_of_this_mask_alone_is_removed(seg, name, caplog):
    seg = seg.rename(seg.with_name(name))
    with caplog.at_level(logging.INFO):
        write(seg, 1.0)
    assert np.asarray(nibabel.load(seg.with_name("a_seg.nii.gz")).dataobj).all()
    assert seg.exists() is (name != "a_seg.dcm")
    assert ("a_seg.dcm removed: it was made from an earlier mask" in caplog.text) is (name == "a_seg.dcm")


def test_it_goes_before_the_mask_is_written(seg, monkeypatch):
    before = seg.with_name("a_seg.nii.gz").read_bytes()

    def fail(*_):
        assert not seg.exists()
        raise OSError("disk full")

    monkeypatch.setattr("monai.data.image_writer.nib.save", fail)
    with pytest.raises(RuntimeError, match="disk full"):  # SaveImage tells the writer's error
        write(seg, 1.0)
    assert seg.with_name("a_seg.nii.gz").read_bytes() == before


@pytest.mark.parametrize("change", ["manufacturer", "modality", "no DICOM"])
def test_what_others_have_made_stays_with_a_warning(seg, change, caplog):
    if change == "no DICOM":
        seg.write_text("my notes")
    else:
        dataset = dcmread(seg)
        setattr(dataset, *(("Manufacturer", "A viewer") if change == "manufacturer" else ("Modality", "RTSTRUCT")))
        dataset.save_as(seg)
    before = seg.read_bytes()
    write(seg, 1.0)
    assert seg.read_bytes() == before
    assert "a_seg.dcm was not made by this bundle and is not removed; it need not agree with" in caplog.text
