"""An independent reader, ITK with GDCM, sees the same values at the same places."""

import itk
import numpy as np
import pytest

from tests.datasets.dicom_factory import make_ct
from tools.datasets.dicom_files import scan_folder
from tools.datasets.dicom_series import read_volume

TILTED = tuple(np.linalg.qr([[0.9, 0.1], [-0.2, 0.95], [0.3, 0.1]])[0].T.ravel())


@pytest.mark.parametrize(
    "orientation", [(1, 0, 0, 0, 1, 0), (0, 1, 0, 0, 0, -1), TILTED], ids=["axial", "sagittal", "oblique"]
)
def test_values_and_places_agree_with_itk(tmp_path, orientation):
    make_ct(tmp_path / "ct", orientation=orientation)
    volume, affine = read_volume(scan_folder(tmp_path).series[0])
    names = itk.GDCMSeriesFileNames.New()
    names.SetDirectory(str(tmp_path / "ct"))
    image = itk.imread(list(names.GetInputFileNames()), itk.SS)
    array = itk.array_view_from_image(image).transpose(2, 1, 0)  # ITK gives (Z, Y, X)
    assert array.shape == volume.shape
    rng = np.random.default_rng(0)
    for _ in range(20):
        index = [int(rng.integers(size)) for size in array.shape]
        lps = np.array(image.TransformIndexToPhysicalPoint(index))
        there = np.linalg.solve(affine, [-lps[0], -lps[1], lps[2], 1.0])[:3]
        assert np.allclose(there, np.round(there), atol=1e-3)
        assert volume[tuple(np.round(there).astype(int))] == array[tuple(index)]
