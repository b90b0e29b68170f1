"""Inference on DICOM series with ``--dicom_seg true``: the SEG holds what the NIfTI mask holds, where it holds it."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from monai.utils import ensure_tuple
from pydicom import dcmread

from tests.bundles.bundle_runs import BUNDLES, configs, run
from tests.transforms.test_mask_to_seg import highdicoms, ours
from tools.bundle.start import root_cause
from tools.datasets.scan_finder import find_scans
from tools.datasets.scan_reader import ct_series

pytestmark = pytest.mark.parametrize("bundle", [name for name in BUNDLES if "dicom_seg" in configs(name, "inference")])


def test_the_seg_equals_the_mask(bundle, raw_phantom, tmp_path):
    scan = next(item for item in find_scans(raw_phantom) if item["patient"] == "PHANTOM-002")
    folder = Path(ensure_tuple(scan["image"])[0])
    folder = folder if folder.is_dir() else folder.parent
    masks = tmp_path / "masks"
    options = {"dataset_dir": str(folder), "output_dir": str(masks), "load_pretrain": False}
    run(bundle, "inference", tmp_path, **options, dicom_seg="true", threshold=0.5)
    case = masks / "PHANTOM-002"
    assert sorted(path.name for path in case.iterdir()) == ["PHANTOM-002_seg.dcm", "PHANTOM-002_seg.nii.gz"]
    nifti, dataset = nibabel.load(case / "PHANTOM-002_seg.nii.gz"), dcmread(case / "PHANTOM-002_seg.dcm")
    mask = np.asarray(nifti.dataobj)
    assert 0 < mask.mean() < 1
    series = ct_series([folder])
    assert np.allclose(nifti.affine, series.grid.affine_ras, atol=1e-4)
    assert np.array_equal(ours(dataset, series), mask)
    assert np.array_equal(highdicoms(dataset, series), mask)
    facts = configs(bundle, "metadata")
    algorithm = dataset.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0]
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == (facts["name"], facts["version"])
    assert [item.SegmentLabel for item in dataset.SegmentSequence] == [item["name"] for item in facts["segments"]]

    run(bundle, "inference", tmp_path, **options, threshold=0.4)
    assert not (case / "PHANTOM-002_seg.dcm").exists()  # it was that of the mask before this one
    assert (case / "PHANTOM-002_seg.nii.gz").is_file()


def test_scans_in_nifti_are_refused_at_once(bundle, phantom, tmp_path):
    with pytest.raises(Exception) as error:  # noqa: PT011 the chain of MONAI's wrappers; its root is looked at
        run(bundle, "inference", tmp_path, dataset_dir=str(phantom), output_dir=str(tmp_path / "masks"),
            load_pretrain=False, dicom_seg=True)  # fmt: skip
    text = str(root_cause(error.value))
    assert text.count("is NIfTI, and a DICOM SEG refers to the slices of a DICOM series") == 4
    assert not (tmp_path / "masks").exists()
