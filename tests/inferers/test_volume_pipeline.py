"""The whole way of a volume: read, resample, segment slice by slice, restore, threshold, score on the original grid."""

import json

import nibabel
import numpy as np
import pytest
import torch
from ignite.engine import Events
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator
from monai.transforms import (
    Activationsd,
    AsDiscreted,
    Compose,
    EnsureChannelFirstd,
    Invertd,
    LoadImaged,
    Orientationd,
)
from torch import nn

from tools.handlers.overlay_writer import OverlayWriter
from tools.handlers.patient_scores import PatientScores
from tools.handlers.summary import RunSummary
from tools.inferers.autocast_inferer import AutocastInferer
from tools.inferers.flip_inferer import FlipInferer
from tools.inferers.slice_inferer import BodySliceInferer
from tools.transforms.check_scan import CheckScand
from tools.transforms.hu_floor import HuFloord
from tools.transforms.hu_windows import HuWindowsd
from tools.transforms.plane_spacing import PlaneSpacingd

PREPROCESSING = Compose(
    [
        LoadImaged(keys="image"),
        EnsureChannelFirstd(keys="image"),
        CheckScand(keys="image"),
        HuFloord(keys="image"),
        Orientationd(keys="image", axcodes="RAS", labels=None),
        PlaneSpacingd(keys="image", spacing_mm=(1.5, 1.5)),
        HuWindowsd(keys="image"),
    ]
)


def write_patient(folder, name, affine, axes=(0, 1, 2)):
    """Write a thorax with a dense tumour and padding of -3024 HU on a grid with permuted axes; return its item."""
    shape = (100, 80, 14)
    x, y, z = np.ogrid[:100, :80, :14]
    volume = np.full(shape, -3024, dtype=np.int16)
    volume[np.broadcast_to((x - 50) ** 2 + (y - 40) ** 2 < 49**2, shape)] = -1000
    volume[np.broadcast_to(((x - 50) / 38) ** 2 + ((y - 40) / 28) ** 2 < 1, shape)] = -20
    volume[np.broadcast_to(((x - 35) / 11) ** 2 + ((y - 40) / 16) ** 2 < 1, shape)] = -800
    tumour = np.broadcast_to(((x - 35) / 6) ** 2 + ((y - 42) / 7) ** 2 + ((z - 6) / 4) ** 2 < 1, shape)
    volume[tumour] = 1500
    order = np.eye(4)[:, [*axes, 3]]
    item = {"patient": name}
    for key, array in (("image", volume), ("label", tumour.astype(np.uint8))):
        item[key] = str(folder / f"{name}_{key}.nii.gz")
        nibabel.save(nibabel.Nifti1Image(array.transpose(axes).copy(), affine @ order), item[key])
    return item


@pytest.fixture
def items(tmp_path):
    """Return a plain patient, a flipped one with permuted axes, and an oblique one."""
    plain = np.diag([1.7, 1.7, 4.0, 1.0])
    flipped = np.diag([-1.7, -1.7, 4.0, 1.0])
    c, s = np.cos(0.3), np.sin(0.3)
    oblique = np.array([[c, -s, 0, 5], [s, c, 0, -7], [0, 0, 1, 9], [0, 0, 0, 1]]) @ plain
    return [
        write_patient(tmp_path, "plain", plain),
        write_patient(tmp_path, "permuted", flipped, axes=(2, 0, 1)),
        write_patient(tmp_path, "oblique", oblique),
    ]


def threshold_network():
    """Return a network of one weight that finds what is denser than 350 HU, half way between lung and tumour."""
    network = nn.Conv2d(1, 1, 1)
    nn.init.constant_(network.weight, 400.0)
    nn.init.constant_(network.bias, -400.0 * 1350 / 1400)
    return network


def evaluator_of(items, transform, **kwargs):
    """Return an evaluator over whole volumes that restores predictions to the grid of the scan."""
    restore = Invertd(keys="pred", transform=PREPROCESSING, orig_keys="image", nearest_interp=False)
    post = Compose([Activationsd(keys="pred", sigmoid=True), restore, AsDiscreted(keys="pred", threshold=0.5)])
    return SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(Dataset(items, transform), batch_size=1),
        network=threshold_network(),
        inferer=AutocastInferer(FlipInferer(BodySliceInferer((64, 64))), enabled=False),
        postprocessing=post,
        **kwargs,
    )


def test_masks_return_to_the_grid_of_the_scanner(items, tmp_path):
    out = tmp_path / "eval"
    labels = Compose([PREPROCESSING, LoadImaged(keys="label"), EnsureChannelFirstd(keys="label")])
    handlers = [OverlayWriter(out), RunSummary(out, workflow="evaluate", data=items)]
    scores = {"val_mean_dice": PatientScores(("tumour",), out)}
    evaluator = evaluator_of(items, labels, key_val_metric=scores, val_handlers=handlers)
    evaluator.run()
    rows = {row["patient"]: row for row in evaluator.state.patient_scores["rows"]}
    assert set(rows) == {"plain", "permuted", "oblique"}
    for row in rows.values():
        assert row["dice"] > 0.95
        assert row["target_ml"] == pytest.approx(4 / 3 * np.pi * 6 * 7 * 4 * 1.7**2 * 4 / 1000, rel=0.1)
    assert rows["plain"]["dice"] == pytest.approx(rows["permuted"]["dice"], abs=0.02)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["metric"]["best"] > 0.95
    assert summary["is_phantom"] is False
    assert len(json.loads((out / "overlays" / "index.json").read_text())) == 3
    assert "Slices" in (out / "report.html").read_text()


def test_without_labels_masks_have_the_grid_of_the_scan(items, tmp_path):
    kept = []
    evaluator = evaluator_of(items, PREPROCESSING, val_handlers=[OverlayWriter(tmp_path)])
    unlabelled = [{key: item[key] for key in ("image", "patient")} for item in items]
    evaluator.data_loader = DataLoader(Dataset(unlabelled, PREPROCESSING), batch_size=1)
    evaluator.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: kept.append(engine.state.output[0]["pred"]))
    evaluator.run()
    for item, mask in zip(items, kept, strict=True):
        scan = nibabel.load(item["image"])
        assert tuple(mask.shape[1:]) == scan.shape
        assert np.allclose(np.asarray(mask.affine), scan.affine, atol=1e-5)
    index = json.loads((tmp_path / "overlays" / "index.json").read_text())
    assert [entry["dice"] for entry in index] == [None] * 3
