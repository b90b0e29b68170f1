"""Read a scan as the converter does: NIfTI, or a DICOM series through the same checks."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from monai.config import PathLike
from monai.data import ImageReader, NibabelReader
from monai.utils import ensure_tuple

from .codec_notice import silence_codec_notice

if TYPE_CHECKING:
    from .dicom_series import Series

logger = logging.getLogger(__name__)
NIFTI = (".nii", ".nii.gz")


class ScanReader(ImageReader):
    """MONAI image reader for NIfTI files and DICOM CT series (a folder, or the files of one series).

    ``read`` only looks at what kind of thing it was given and ``get_data`` does the work: MONAI's ``LoadImage`` takes
    an error in ``read`` as a cue to try its other readers, which would read a broken series without a check.

    Example:
        ``LoadImaged(keys="image", reader="tools.datasets.scan_reader.ScanReader")``
    """

    def __init__(self) -> None:
        silence_codec_notice()

    def verify_suffix(self, filename: Sequence[PathLike] | PathLike) -> bool:
        """Whether all names are NIfTI files, or a folder or files of a DICOM series."""
        names = [Path(name) for name in ensure_tuple(filename)]
        return all(is_nifti(name) for name in names) or all(name.is_dir() or _is_dicom(name) for name in names)

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
        if all(is_nifti(name) for name in img):
            try:
                return reader.get_data(reader.read(img))
            except Exception as error:  # nibabel, gzip and zlib raise many kinds for a damaged file
                raise ValueError(f"{img[0]} is no readable NIfTI file ({error}); copy or export it again") from error
        from nibabel import Nifti1Image

        volume, affine = _read_series(img)
        reader.filenames = (str(img[0]),)
        return reader.get_data(Nifti1Image(volume, affine))


def is_nifti(path: Path) -> bool:
    """Whether the name is one of a NIfTI file."""
    return path.name.lower().endswith(NIFTI)


def _is_dicom(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def _read_series(paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """HU and affine of the one CT series of a folder or a list of files."""
    from .dicom_series import read_volume

    series = ct_series(paths)
    for text in series.findings.warnings:
        logger.warning("%s: %s", series.name, text)
    return read_volume(series)


def ct_series(paths: list[Path]) -> Series:
    """The one CT series of a folder or a list of files; localisers of one slice beside it do not count.

    Raises:
        ValueError: damaged files, or no or several CT series.
    """
    from .dicom_files import scan_files, scan_folder

    tree = scan_folder(paths[0]) if paths[0].is_dir() else scan_files(paths, paths[0].parent)
    where = paths[0] if paths[0].is_dir() else paths[0].parent
    if tree.problems:
        raise ValueError(f"{where} cannot be read:" + "".join(f"\n  - {text}" for text in tree.problems))
    ct = ct_volumes(tree.series)
    if len(ct) != 1:
        names = "; ".join(item.name for item in ct) or "none"
        raise ValueError(f"{where} must hold one CT series, found {len(ct)} ({names}); give the folder of one series")
    return ct[0]


def ct_volumes(series: list[Series]) -> list[Series]:
    """The CT series; those of one slice are left out with a warning when there are others."""
    ct = [item for item in series if item.modality == "CT"]
    volumes = [item for item in ct if item.findings.problems and not item.slices or len(item.slices) > 1] or ct
    for item in series:
        if item not in volumes:
            logger.warning("%s with %d slice(s) is not used: not a CT volume", item.name, len(item.slices))
    return volumes
