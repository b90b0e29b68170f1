import nibabel
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import SaveImage

from tools.transforms.mask_writer import MaskWriter


@pytest.mark.parametrize("shape", [(1, 4, 5, 6), (1, 4, 5, 1), (1, 1, 5, 1), (2, 4, 5, 6)])
def test_a_mask_keeps_the_axes_of_its_scan(tmp_path, shape):
    affine = np.array([[0.0, 2, 0, 5], [-1.5, 0, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]])
    mask = MetaTensor(torch.rand(shape).round(), affine=affine, meta={"filename_or_obj": "a.nii.gz"})
    SaveImage(tmp_path, output_postfix="seg", writer=MaskWriter, resample=False, separate_folder=False)(mask)
    saved = nibabel.load(tmp_path / "a_seg.nii.gz")
    expected = mask[0].numpy() if shape[0] == 1 else mask.permute(1, 2, 3, 0).numpy()
    assert np.array_equal(np.asarray(saved.dataobj), expected)
    assert np.allclose(saved.affine, affine)
