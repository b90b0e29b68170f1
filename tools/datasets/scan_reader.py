"""Read a scan as the converter does: NIfTI, or a DICOM series through the same checks."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from monai.config import PathLike
from monai.data import ImageReader, NibabelReader
from monai.utils import ensure_tuple

if TYPE_CHECKING:
    from .dicom_series import Series

logger = logging.getLogger(__name__)
NIFTI = (".nii", ".nii.gz")
KEYS = ("image", "patient", "phantom")

# LoadImage builds every reader that MONAI has; one of them complains, in two ways, that a decoder nobody asked for is
# not installed
logging.getLogger("monai.data.nvimgcodec_pydicom_plugin").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", message="NvImgCodecPydicomReader", category=UserWarning)


class ScanReader(ImageReader):
    """MONAI image reader for NIfTI files and DICOM CT series (a folder, or the files of one series).

    ``read`` only looks at what kind of thing it was given and ``get_data`` does the work: MONAI's ``LoadImage`` takes
    an error in ``read`` as a cue to try its other readers, which would read a broken series without a check.

    Example:
        ``LoadImaged(keys="image", reader="tools.datasets.scan_reader.ScanReader")``
    """

    def verify_suffix(self, filename: Sequence[PathLike] | PathLike) -> bool:
        """Whether all names are NIfTI files, or a folder or files of a DICOM series."""
        names = [Path(name) for name in ensure_tuple(filename)]
        return all(_is_nifti(name) for name in names) or all(name.is_dir() or _is_dicom(name) for name in names)

    def read(self, data: Sequence[PathLike] | PathLike, **kwargs: Any) -> list[Path]:
        """Note what to read.

        Raises:
            ValueError: neither NIfTI nor DICOM, so that another reader may try.
        """
        names = [Path(name) for name in ensure_tuple(data)]
        if all(name.exists() for name in names) and not self.verify_suffix(names):
            raise ValueError(f"a scan must be NIfTI, a DICOM folder or the files of one series, got {names[0]}")
        return names

    def get_data(self, img: list[Path]) -> tuple[np.ndarray, dict[str, Any]]:
        """Read the scan.

        Returns:
            Array (X, Y, Z), HU for a DICOM series, and MONAI's metadata with the affine from voxel index to RAS mm.

        Raises:
            FileNotFoundError: a file is missing.
            ValueError: a NIfTI file that cannot be read, or a DICOM series with problems; all are listed.
        """
        missing = [str(name) for name in img if not name.exists()]
        if missing:
            raise FileNotFoundError(f"the scan does not exist: {', '.join(missing[:3])}; check the path")
        reader = NibabelReader()
        if all(_is_nifti(name) for name in img):
            try:
                return reader.get_data(reader.read(img))
            except Exception as error:  # nibabel, gzip and zlib raise many kinds for a damaged file
                raise ValueError(f"{img[0]} is no readable NIfTI file ({error}); copy or export it again") from error
        from nibabel import Nifti1Image

        volume, affine = _read_series(img)
        reader.filenames = (str(img[0]),)
        return reader.get_data(Nifti1Image(volume, affine))


def find_scans(dataset_dir: str | Path | None) -> list[dict[str, Any]]:
    """Every scan below a folder: a converted data set, NIfTI files and DICOM CT series.

    Returns:
        ``{"image": path or list of files, "patient": str, "phantom": bool}``, sorted; ``patient`` is unique (file name,
        DICOM case id, the id in a converted set; scans that share one are numbered). A folder that holds one CT series
        and nothing else to choose from is given as the folder.

    Raises:
        ValueError: no folder was given, nothing is in it, or series have problems (all are listed).
        FileNotFoundError, NotADirectoryError: it is no folder.
    """
    if dataset_dir is None or str(dataset_dir) == "":
        raise ValueError("no scans were given: pass --dataset_dir FOLDER with NIfTI files (.nii, .nii.gz) or DICOM CT")
    folder = Path(dataset_dir)
    if not folder.exists():
        raise FileNotFoundError(f"dataset_dir does not exist: {folder.absolute()}; give a folder of NIfTI or DICOM")
    if not folder.is_dir():
        raise NotADirectoryError(f"dataset_dir must be a folder with NIfTI files or DICOM CT, this is a file: {folder}")
    if (folder / "datalist.json").is_file():
        from .datalist import SPLITS, read_all

        parts = read_all(folder)
        return _unique([{key: item[key] for key in KEYS} for part in SPLITS for item in parts[part]])
    nifti = sorted(path for path in folder.rglob("*") if path.is_file() and _is_nifti(path) and path.name[0] != ".")
    scans = _nifti_scans(folder, nifti) + _dicom_scans(folder)
    if not scans:
        raise ValueError(f"no scans in {folder.absolute()}: neither NIfTI files (.nii, .nii.gz) nor DICOM CT series")
    return _unique(scans)


def _is_nifti(path: Path) -> bool:
    return path.name.lower().endswith(NIFTI)


def _is_dicom(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def _read_series(paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """The one CT series of a folder or a list of files; localisers of one slice beside it do not count."""
    from .dicom_files import scan_files, scan_folder
    from .dicom_series import read_volume

    tree = scan_folder(paths[0]) if paths[0].is_dir() else scan_files(paths, paths[0].parent)
    where = paths[0] if paths[0].is_dir() else paths[0].parent
    if tree.problems:
        raise ValueError(f"{where} cannot be read:" + "".join(f"\n  - {text}" for text in tree.problems))
    ct = _volumes(tree.series)
    if len(ct) != 1:
        names = "; ".join(item.name for item in ct) or "none"
        raise ValueError(f"{where} must hold one CT series, found {len(ct)} ({names}); give the folder of one series")
    for text in ct[0].findings.warnings:
        logger.warning("%s: %s", ct[0].name, text)
    return read_volume(ct[0])


def _volumes(series: list[Series]) -> list[Series]:
    """The CT series; those of one slice are left out with a warning when there are others."""
    ct = [item for item in series if item.modality == "CT"]
    volumes = [item for item in ct if item.findings.problems and not item.slices or len(item.slices) > 1] or ct
    for item in series:
        if item not in volumes:
            logger.warning("%s with %d slice(s) is not used: not a CT volume", item.name, len(item.slices))
    return volumes


def _nifti_scans(folder: Path, paths: list[Path]) -> list[dict[str, Any]]:
    def stem(path: Path) -> str:
        return path.name[: -len(".nii.gz")] if path.name.lower().endswith(".gz") else path.name[: -len(".nii")]

    counts = Counter(stem(path) for path in paths)
    return [
        {
            "image": str(path),
            "patient": stem(path)
            if counts[stem(path)] == 1
            else "_".join([*path.relative_to(folder).parts[:-1], stem(path)]),
            "phantom": False,
        }
        for path in paths
    ]


def _dicom_scans(folder: Path) -> list[dict[str, Any]]:
    from .case_plan import PHANTOM_MANUFACTURER, case_name
    from .dicom_files import scan_folder

    tree = scan_folder(folder)
    ct = _volumes(tree.series)
    problems = [f"{item.name}: {text}" for item in ct for text in item.findings.problems] + tree.problems
    if problems:
        listed = "".join(f"\n  - {text}" for text in problems)
        raise ValueError(f"{len(problems)} problem(s) with the DICOM files in {folder.absolute()}:{listed}")
    owners = [(item, {path.parent for path in item.files}) for item in ct]
    scans = []
    for item, parents in owners:
        home = next(iter(parents)) if len(parents) == 1 else None
        alone = home is not None and not any(
            parent.is_relative_to(home) for other, theirs in owners if other is not item for parent in theirs
        )
        image = str(home) if alone else [str(path) for path in item.files]
        name, phantom = case_name(item.patient_id, item.study_uid), item.manufacturer == PHANTOM_MANUFACTURER
        scans.append({"image": image, "patient": name, "phantom": phantom})
    return scans


def _unique(scans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give scans that share a name a number each."""
    counts = Counter(scan["patient"] for scan in scans)
    seen: Counter[str] = Counter()
    for scan in scans:
        name = scan["patient"]
        if counts[name] > 1:
            seen[name] += 1
            scan["patient"] = f"{name}_{seen[name]}"
    return scans
