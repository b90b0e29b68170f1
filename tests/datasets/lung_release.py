"""A tiny release in the raw form of Task06_Lung, for tests that break one thing in it."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tools.datasets.msd_lung import ConversionError, prepare

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


def write_release(root: Path) -> Path:
    """Write four cases with label and one without, and what macOS leaves beside them."""
    names = [f"lung_{index:03d}" for index in range(1, 5)]
    for index, name in enumerate(names):
        save(root / "imagesTr" / f"{name}.nii.gz", ct(index))
        save(root / "labelsTr" / f"{name}.nii.gz", mask())
        (root / "imagesTr" / f"._{name}.nii.gz").write_bytes(b"\0\5\26\7 of macOS")
    save(root / "imagesTs" / "lung_005.nii.gz", ct(9))
    list_json(root, names, ["lung_005"])
    return root


def edit(source, change):
    facts = json.loads((source / "dataset.json").read_text())
    change(facts)
    (source / "dataset.json").write_text(json.dumps(facts))


def run(source, output, **options):
    return prepare(source, output, quiet=True, **options)


def refusal(source, output):
    with pytest.raises(ConversionError, match="nothing was written") as error:
        run(source, output)
    assert not output.exists()
    return str(error.value)


def everyone(data):
    return sorted(item["patient"] for part in ("training", "validation", "test") for item in data[part])
