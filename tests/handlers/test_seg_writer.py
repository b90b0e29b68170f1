"""SegWriter: a SEG beside each mask, nothing half-written, and every reason against it said at the start."""

import logging

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from monai.data import MetaTensor
from pydicom import dcmread

from tests.datasets.dicom_factory import OBLIQUE, make_ct
from tests.transforms.test_mask_to_seg import ours, some_mask
from tests.transforms.test_segment_codes import SEGMENTS
from tools.datasets.dicom_files import scan_folder
from tools.handlers.seg_writer import SegWriter


def run(folder, data, masks, segments=SEGMENTS):
    """Run the handler over ``masks``; ``run.segmented`` counts the scans, also when it ends in an error."""
    run.segmented = 0

    def step(engine, item):
        run.segmented += 1
        engine.state.batch = {"patient": [item["patient"]]}
        return [{"pred": masks[item["patient"]]}]

    engine = Engine(step)
    engine.logger.setLevel(logging.CRITICAL)
    SegWriter(data, folder, segments, "net", "1.2.3").attach(engine)
    engine.run(data)


def scan(folder, name, **options):
    """A series, what an inference gives for it, and the item that names it."""
    make_ct(folder / name, patient=name, orientation=OBLIQUE, **options)
    (series,) = scan_folder(folder / name).series
    mask = MetaTensor(torch.as_tensor(some_mask())[None].float(), affine=torch.as_tensor(series.grid.affine_ras))
    return series, mask, {"image": str(folder / name), "patient": name, "phantom": False}


def test_each_scan_gets_a_seg_beside_its_mask(tmp_path):
    first, second = scan(tmp_path, "a"), scan(tmp_path, "b")
    second[2]["image"] = [str(path) for path in second[0].files]
    run(tmp_path / "out", [first[2], second[2]], {"a": first[1], "b": second[1].flip(1)})
    for name, series, expected in (("a", first[0], some_mask()), ("b", second[0], np.flip(some_mask(), 0))):
        dataset = dcmread(tmp_path / "out" / name / f"{name}_seg.dcm")
        assert np.array_equal(ours(dataset, series), expected)
    assert len(list((tmp_path / "out").rglob("*.*"))) == 2


def test_nothing_found_is_a_seg_and_a_warning(tmp_path, caplog):
    series, mask, item = scan(tmp_path, "a")
    run(tmp_path / "out", [item], {"a": mask * 0})
    assert "a: nothing was segmented" in caplog.text
    assert not ours(dcmread(tmp_path / "out" / "a" / "a_seg.dcm"), series).any()


def test_every_scan_that_is_no_dicom_series_is_named_before_anything_is_segmented(tmp_path):
    _, mask, item = scan(tmp_path, "a")
    data = [item, *({"image": f"/scans/{name}.nii.gz", "patient": name} for name in ("b", "c"))]
    with pytest.raises(ValueError, match="give DICOM series or leave out --dicom_seg") as error:
        run(tmp_path / "out", data, {"a": mask})
    assert "b: /scans/b.nii.gz is NIfTI" in str(error.value)
    assert "c: /scans/c.nii.gz is NIfTI" in str(error.value)
    assert run.segmented == 0
    assert not (tmp_path / "out").exists()


def test_labels_that_the_metadata_does_not_describe_are_refused_at_the_start(tmp_path):
    _, mask, item = scan(tmp_path, "a")
    with pytest.raises(ValueError, match="'segments', found none"):
        run(tmp_path / "out", [item], {"a": mask}, segments=None)
    assert run.segmented == 0


def test_a_mask_that_is_no_label_map_or_lies_elsewhere_is_refused_with_the_case(tmp_path):
    _, mask, item = scan(tmp_path, "a")
    with pytest.raises(ValueError, match=r"a: a DICOM SEG needs one channel of labels \(1, X, Y, Z\), got \(2, "):
        run(tmp_path / "out", [item], {"a": torch.cat([mask, mask])})
    moved = MetaTensor(mask.as_tensor(), affine=mask.affine + torch.eye(4)[3].new_tensor([0, 0, 0, 3.0]))
    with pytest.raises(ValueError, match="a: no DICOM SEG can be written: the mask must lie on the grid"):
        run(tmp_path / "out", [item], {"a": moved})
    assert not (tmp_path / "out").exists()


def test_a_failed_write_leaves_the_former_file(tmp_path, monkeypatch):
    _, mask, item = scan(tmp_path, "a")
    run(tmp_path / "out", [item], {"a": mask})
    before = (tmp_path / "out" / "a" / "a_seg.dcm").read_bytes()

    def fail(*names):
        raise OSError("disk full")

    monkeypatch.setattr("tools.report.run_files.os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        run(tmp_path / "out", [item], {"a": mask})
    assert [path.name for path in (tmp_path / "out" / "a").iterdir()] == ["a_seg.dcm"]
    assert (tmp_path / "out" / "a" / "a_seg.dcm").read_bytes() == before
