"""A MONAI Label server from the package index, for real: what the viewers of annotators ask of it.

``make label-test`` builds the server's environment and runs this file; ``make test`` leaves it out.
"""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import highdicom
import itk
import monai.bundle
import nibabel
import numpy as np
import pydicom
import pytest

from tests.integration.dicomweb import DicomWeb
from tests.integration.label_bundles import OPPOSITE, pack_both
from tests.integration.label_server import LabelServer
from tests.integration.scans import GRIDS, LABELLED, series_grid, write_studies
from tools.datasets.nsclc_phantom import write_phantom

pytestmark = pytest.mark.monai_label

MODEL = "aura_v3"
LABEL = "gross tumour volume"
# share of voxels that may differ: the server's packages and its network, which is not folded, round in other places
UNDECIDED = 1e-3


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> tuple[Path, dict[str, Path]]:
    return pack_both(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="module")
def studies(tmp_path_factory) -> Path:
    return write_studies(tmp_path_factory.mktemp("label") / "studies")


@pytest.fixture(scope="module")
def server(python, packed, studies, tmp_path_factory):
    """Both bundles in one server."""
    folder = tmp_path_factory.mktemp("server") / "local"
    conf = {"epistemic_model": MODEL, "epistemic_simulation_size": "2"}
    with LabelServer(python, folder, packed[1], str(studies), **conf) as running:
        yield running


@pytest.fixture(scope="module")
def expected(packed, studies, tmp_path_factory) -> dict[str, np.ndarray]:
    """The masks of the bundle that was not packed, run by MONAI without any server."""
    return run_bundle(packed[0], studies, tmp_path_factory.mktemp("expected"))


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> list[Path]:
    """CT series of two phantom patients."""
    folder = write_phantom(tmp_path_factory.mktemp("dicom") / "raw", patients=2)
    return sorted(folder.glob("*/*/1.000000-CT-*"))


@pytest.fixture(scope="module")
def pacs(raw):
    with DicomWeb([path for folder in raw for path in folder.iterdir()]) as running:
        yield running


@pytest.fixture(scope="module")
def dicom_server(python, packed, pacs, tmp_path_factory):
    """One bundle over a DICOMweb server, as OHIF needs it."""
    folder = tmp_path_factory.mktemp("server") / "dicomweb"
    with LabelServer(python, folder, {MODEL: packed[1][MODEL]}, pacs.address) as running:
        yield running


def run_bundle(bundle: Path, dataset_dir: Path, out: Path) -> dict[str, np.ndarray]:
    monai.bundle.run(
        config_file=str(bundle / "configs" / "inference.json"), bundle_root=str(bundle),
        dataset_dir=str(dataset_dir), output_dir=str(out), device="cpu",
    )  # fmt: skip
    return {path.parent.name: mask_of(path) for path in out.glob("*/*_seg.nii.gz")}


def mask_of(path: Path) -> np.ndarray:
    return np.asarray(nibabel.load(path).dataobj).astype(np.uint8)


def assert_same_mask(mask: np.ndarray, other: np.ndarray) -> None:
    assert mask.shape == other.shape
    assert set(np.unique(mask)) == {0, 1}, "a mask of one value would agree with anything"
    assert (mask != other).mean() < UNDECIDED


def assert_on_grid(path: Path, shape: tuple[int, ...], affine: np.ndarray) -> None:
    image = nibabel.load(path)
    assert image.shape == tuple(shape)
    np.testing.assert_allclose(image.affine, affine, atol=1e-3)


def test_info_lists_both_bundles_with_their_labels(server):
    info = server.info()
    for name in (MODEL, OPPOSITE):
        model = info["models"][name]
        assert model["type"] == "segmentation"
        assert model["labels"] == {LABEL: 1}
        assert model["version"] == json.loads(facts(server, name))["version"]
        assert name in info["trainers"]
    assert info["datastore"]["total"] == len(GRIDS)
    assert info["datastore"]["completed"] == len(LABELLED)


def facts(server: LabelServer, name: str) -> str:
    return (server.models / name / "configs" / "metadata.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", GRIDS)
def test_masks_lie_on_the_grid_of_the_scan_and_equal_those_of_the_bundle(server, studies, expected, tmp_path, name):
    source = nibabel.load(studies / f"{name}.nii.gz")
    path = server.infer(MODEL, tmp_path / "mask.nii.gz", image=name)
    assert_on_grid(path, source.shape, source.affine)
    assert_same_mask(mask_of(path), expected[name])


def test_volume_of_the_viewer_is_segmented_as_slicer_asks_for_it(server, studies, expected, tmp_path):
    """3D Slicer uploads the volume that it shows into a session and wants NRRD back."""
    source = studies / "oblique.nii.gz"
    session = server.upload_session(source)
    path = server.infer(MODEL, tmp_path / "mask.nrrd", session_id=session)
    mask, volume = itk.imread(path), itk.imread(source)
    for corner in ((0, 0, 0), tuple(size - 1 for size in itk.size(volume))):
        at_mask, at_volume = (image.TransformIndexToPhysicalPoint(corner) for image in (mask, volume))
        np.testing.assert_allclose(at_mask, at_volume, atol=1e-3)
    assert_same_mask(itk.array_from_image(mask).T.astype(np.uint8), expected["oblique"])


def test_two_bundles_in_one_server_each_run_their_own_code(server, expected, tmp_path):
    """The same weights with the sign turned in the vendored network: what one segments the other leaves."""
    rounds = []
    for number in range(2):
        one, other = (
            mask_of(server.infer(name, tmp_path / f"{name}{number}.nii.gz", image="flipped"))
            for name in (MODEL, OPPOSITE)
        )
        assert_same_mask(one, expected["flipped"])
        assert set(np.unique(other)) == {0, 1}
        assert (one & other).mean() < UNDECIDED
        rounds.append((one, other))
    np.testing.assert_array_equal(rounds[0], rounds[1])


def test_scoring_orders_the_unlabelled_images_for_active_learning(server):
    unlabelled = set(GRIDS) - set(LABELLED)
    assert server.score(MODEL)["executed"] == len(unlabelled)
    for image in unlabelled:
        info = json.loads(server.request("GET", f"/datastore/image/info?image={image}"))
        assert info["epistemic_entropy"] > 0
    assert {server.next_sample(strategy)["id"] for strategy in ("first", "random")} <= unlabelled


@pytest.mark.parametrize("name", [MODEL, OPPOSITE])
def test_training_writes_weights_and_training_again_goes_on_from_them(server, name):
    models = server.models / name / "models"
    before = (models / "model.pt").read_bytes()
    for former in ("model.pt", "model.previous.pt"):
        task = server.train(name)
        assert task["status"] == "DONE", list(task["details"])
        assert (models / "model.previous.pt").read_bytes() == before, former
        assert (models / "model.pt").read_bytes() != before
        before = (models / "model.pt").read_bytes()
    assert sorted(path.name for path in models.iterdir()) == ["last.ckpt", "model.previous.pt", "model.pt"]
    assert (server.models / name / "eval" / "report.html").is_file()


def test_training_that_was_stopped_goes_on(server):
    last = server.models / OPPOSITE / "models" / "last.ckpt"
    before = last.stat().st_mtime_ns
    options = {"max_epochs": 6, "val_split": 0.5}
    server.start_training(OPPOSITE, **options)
    wait_until(lambda: last.exists() and last.stat().st_mtime_ns != before)
    server.stop_training()
    task = server.train(OPPOSITE, **options)
    assert task["status"] == "DONE", list(task["details"])
    assert "resuming after epoch" in server.log.read_text(errors="replace")


def wait_until(condition: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)


def test_new_weights_are_used_without_a_restart(server, expected, tmp_path):
    path = server.infer(MODEL, tmp_path / "mask.nii.gz", image="plain")
    assert set(np.unique(mask_of(path))) <= {0, 1}
    assert "Reload model from cache" in server.log.read_text(errors="replace")


def test_zipped_dicom_study_without_a_pacs(server, raw, tmp_path):
    """A session with a zip of one series: read by the bundle itself, in the server's own versions of everything."""
    archive = shutil.make_archive(str(tmp_path / "study"), "zip", raw[0])
    session = server.upload_session(Path(archive))
    path = server.infer(OPPOSITE, tmp_path / "mask.nii.gz", session_id=session)
    assert_on_grid(path, *series_grid(raw[0]))


def test_dicomweb_masks_lie_on_the_grid_of_the_series(dicom_server, packed, raw, tmp_path):
    expected = run_bundle(packed[0], raw[0], tmp_path / "expected")
    path = dicom_server.infer(MODEL, tmp_path / "mask.nii.gz", image=series_uid(raw[0]))
    assert_on_grid(path, *series_grid(raw[0]))
    assert_same_mask(mask_of(path), next(iter(expected.values())))


def series_uid(folder: Path) -> str:
    return str(pydicom.dcmread(next(folder.iterdir()), stop_before_pixels=True).SeriesInstanceUID)


def test_dicomweb_masks_come_as_dicom_seg_too(dicom_server, raw, tmp_path):
    uid = series_uid(raw[0])
    mask = mask_of(dicom_server.infer(MODEL, tmp_path / "mask.nii.gz", image=uid))
    path = dicom_server.infer_dicom_seg(MODEL, tmp_path / "mask.dcm", uid, LABEL)
    segmentation = highdicom.seg.segread(path)
    assert segmentation.ReferencedSeriesSequence[0].SeriesInstanceUID == uid
    assert segmentation.get_segment_description(1).segment_label == LABEL
    assert int(segmentation.pixel_array.sum()) == int(mask.sum())


def test_label_that_is_submitted_becomes_a_dicom_seg_and_is_trained_on(dicom_server, raw, pacs, tmp_path):
    uid = series_uid(raw[1])
    label = dicom_server.infer(MODEL, tmp_path / "label.nii.gz", image=uid)
    dicom_server.submit_label(uid, label, LABEL)
    (stored,) = [item for item in pacs.instances if item.Modality == "SEG"]
    assert stored.ReferencedSeriesSequence[0].SeriesInstanceUID == uid
    task = dicom_server.train(MODEL, val_split=0)
    assert task["status"] == "DONE", list(task["details"])
    assert (dicom_server.models / MODEL / "models" / "model.previous.pt").is_file()
