"""The raw DICOM set: layout, geometry read back independently, and determinism."""

import logging
from pathlib import Path

import numpy as np
import pydicom
import pytest
from skimage.draw import polygon2mask

from tests.datasets.file_digests import digests
from tools.datasets.nsclc_phantom import write_phantom
from tools.datasets.phantom_grades import EASY
from tools.datasets.phantom_patient import phantom_patient

PATIENTS = 5  # the fourth has a SEG, the fifth no tumour
COARSE = {"pixel_mm": 5.0, "thickness_mm": 6.0}


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_phantom(tmp_path_factory.mktemp("raw") / "set", patients=PATIENTS, seed=3, **COARSE)


def patient_of(index: int):
    return phantom_patient(EASY, index, 3, **COARSE)


def slices(folder: Path) -> list[pydicom.Dataset]:
    found = [pydicom.dcmread(path) for path in sorted(folder.glob("*/1.000000-CT-*/*.dcm"))]
    return sorted(found, key=lambda ds: float(np.dot(ds.ImagePositionPatient, normal(ds))))


def normal(ds: pydicom.Dataset) -> np.ndarray:
    along, down = np.array(ds.ImageOrientationPatient, float).reshape(2, 3)
    return np.cross(along, down)


def outline(folder: Path, pattern: str) -> pydicom.Dataset:
    (path,) = folder.glob(f"*/{pattern}/1-1.dcm")
    return pydicom.dcmread(path)


def rasterise(ct: list[pydicom.Dataset], structures: pydicom.Dataset, name: str) -> np.ndarray:
    """Even-odd fill of all contours of a ROI, (Z, Y, X), from the files alone."""
    number = next(r.ROINumber for r in structures.StructureSetROISequence if r.ROIName == name)
    item = next(c for c in structures.ROIContourSequence if c.ReferencedROINumber == number)
    mask = np.zeros((len(ct), ct[0].Rows, ct[0].Columns), bool)
    at = {ds.SOPInstanceUID: z for z, ds in enumerate(ct)}
    for contour in item.get("ContourSequence", []):
        z = at[contour.ContourImageSequence[0].ReferencedSOPInstanceUID]
        ds = ct[z]
        along, down = np.array(ds.ImageOrientationPatient, float).reshape(2, 3)
        points = np.array(contour.ContourData, float).reshape(-1, 3) - np.array(ds.ImagePositionPatient, float)
        assert np.abs(points @ normal(ds)).max() < 1e-2, "a contour leaves the plane of its slice"
        plane = np.stack([points @ down / ds.PixelSpacing[0], points @ along / ds.PixelSpacing[1]], 1)
        mask[z] ^= polygon2mask(mask.shape[1:], plane)
    return mask


def test_layout_is_that_of_the_public_collection(phantom: Path):
    assert sorted(p.name for p in phantom.iterdir()) == [f"PHANTOM-{n:03d}" for n in range(1, PATIENTS + 1)]
    seg = [len(list(p.glob("*/300.*"))) for p in sorted(phantom.iterdir())]
    rtstruct = [len(list(p.glob("*/3.*"))) for p in sorted(phantom.iterdir())]
    assert seg == [0, 0, 0, 1, 0]
    assert rtstruct == [1, 1, 1, 0, 1]


def test_every_file_says_that_it_is_a_phantom(phantom: Path):
    files = list(phantom.rglob("*.dcm"))
    assert files
    for path in files:
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        assert ds.Manufacturer == "MONAI bundle phantom"
        assert ds.PatientID == path.relative_to(phantom).parts[0]


@pytest.mark.parametrize("index", range(PATIENTS))
def test_slices_are_one_orthonormal_evenly_spaced_grid(phantom: Path, index: int):
    ct = slices(phantom / f"PHANTOM-{index + 1:03d}")
    axes = np.array(ct[0].ImageOrientationPatient, float).reshape(2, 3)
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-8)
    positions = np.array([ds.ImagePositionPatient for ds in ct], float)
    np.testing.assert_allclose(np.diff(positions, axis=0), np.tile(normal(ct[0]) * 6.0, (len(ct) - 1, 1)), atol=1e-5)
    assert len({ds.SOPInstanceUID for ds in ct}) == len(ct)
    assert len({(ds.SeriesInstanceUID, ds.FrameOfReferenceUID) for ds in ct}) == 1


def test_stored_pixels_rescale_to_the_hu_of_the_patient(phantom: Path):
    ct, patient = slices(phantom / "PHANTOM-001"), patient_of(0)
    hu = np.stack([ds.pixel_array.astype(int) * int(ds.RescaleSlope) + int(ds.RescaleIntercept) for ds in ct])
    np.testing.assert_array_equal(hu, patient.image)


def test_file_names_do_not_give_the_order_away(phantom: Path):
    folder = phantom / "PHANTOM-001"
    by_name = [pydicom.dcmread(path).SOPInstanceUID for path in sorted(folder.glob("*/1.000000-CT-*/*.dcm"))]
    by_place = [ds.SOPInstanceUID for ds in slices(folder)]
    assert by_name not in (by_place, by_place[::-1])


@pytest.mark.parametrize("index", [0, 1, 2])
def test_contours_fill_to_the_mask_of_the_writer(phantom: Path, index: int):
    folder, truth = phantom / f"PHANTOM-{index + 1:03d}", patient_of(index)
    mask = rasterise(slices(folder), outline(folder, "3.*"), "GTV-1")
    assert truth.mask.any()
    assert 2 * (mask & truth.mask).sum() / (mask.sum() + truth.mask.sum()) > 0.998


def test_an_oblique_patient_and_several_spacings_are_among_them(phantom: Path, tmp_path: Path):
    directions = [slices(p)[0].ImageOrientationPatient for p in sorted(phantom.iterdir())]
    assert [list(map(float, d)) != [1, 0, 0, 0, 1, 0] for d in directions] == [False, False, True, False, False]
    grids = {phantom_patient(EASY, index, 3).grid.spacing for index in range(PATIENTS)}
    assert len(grids) == PATIENTS


def test_a_patient_without_tumour_has_the_roi_without_contours(phantom: Path):
    structures = outline(phantom / "PHANTOM-005", "3.*")
    assert "GTV-1" in [roi.ROIName for roi in structures.StructureSetROISequence]
    assert not rasterise(slices(phantom / "PHANTOM-005"), structures, "GTV-1").any()
    assert rasterise(slices(phantom / "PHANTOM-005"), structures, "Lung-Left").any()


def test_segmentation_holds_the_mask_frame_by_frame(phantom: Path):
    folder, truth = phantom / "PHANTOM-004", patient_of(3)
    seg, ct = outline(folder, "300.*"), slices(folder)
    labels = {s.SegmentLabel: s.SegmentNumber for s in seg.SegmentSequence}
    assert {"GTV-1", "Lung-Right", "Lung-Left"} == set(labels)
    mask = np.zeros(truth.mask.shape, bool)
    for frame, groups in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence, strict=True):
        if groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber == labels["GTV-1"]:
            place = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
            gaps = [np.linalg.norm(place - np.array(ds.ImagePositionPatient, float)) for ds in ct]
            mask[int(np.argmin(gaps))] = frame > 0
    np.testing.assert_array_equal(mask, truth.mask)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(phantom: Path, tmp_path: Path):
    again = write_phantom(tmp_path / "again", patients=PATIENTS, seed=3, **COARSE)
    assert digests(again) == digests(phantom)
    other = write_phantom(tmp_path / "other", patients=1, seed=4, **COARSE)
    assert not set(digests(other).values()) & set(digests(phantom).values())


def test_a_patient_does_not_depend_on_how_many_there_are(phantom: Path, tmp_path: Path):
    few = digests(write_phantom(tmp_path / "few", patients=2, seed=3, **COARSE))
    assert few.items() <= digests(phantom).items()


def test_an_empty_folder_is_filled(tmp_path: Path):
    (tmp_path / "set").mkdir()
    write_phantom(tmp_path / "set", patients=1, pixel_mm=8.0, thickness_mm=12.0)
    assert [p.name for p in (tmp_path / "set").iterdir()] == ["PHANTOM-001"]


def test_writing_a_seg_is_quiet(caplog):
    from tools.datasets import phantom_seg  # noqa: F401

    caplog.set_level(logging.INFO)
    assert not logging.getLogger("highdicom.base").isEnabledFor(logging.INFO)
