"""Everything a check must know of a NIfTI volume, in one pass over its voxels and with the memory of a few slices.

Each byte is read, so that a file cut short or damaged on the way is noticed: gzip's checksum comes last.
"""

import gzip
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np

from .file_digest import file_digest
from .phantom_mark import is_phantom_image

SLAB_BYTES = 1 << 24
MAX_AXIS = 4096


@dataclass(frozen=True)
class NiftiFacts:
    """What one volume (X, Y, Z) holds; values are scaled as the header says."""

    shape: tuple[int, int, int]
    affine: np.ndarray
    dtype: np.dtype
    low: float
    high: float
    nonfinite: int
    values: dict[float, int]  # value -> voxels, of whole volumes with few values; empty otherwise
    voxels_per_slice: np.ndarray  # voxels other than 0 in each axial slice
    is_placed: bool  # whether the header says how the patient lies in it
    is_phantom: bool
    sha256: str

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbours along X, Y and Z."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(x), float(y), float(z)

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel in millilitres."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000


def read_facts(path: Path, max_values: int = 0) -> NiftiFacts:
    """Read a volume once.

    Args:
        max_values: count the voxels of each value, as long as there are at most so many values.

    Raises:
        ValueError: no readable NIfTI file, cut short, damaged, or no volume of numbers in three axes; says which.
    """
    try:
        image = nibabel.load(path)
    except Exception as error:  # nibabel, gzip and zlib raise many kinds for a damaged file
        raise ValueError(f"is no readable NIfTI file ({_one_line(error)}); copy or download it again") from error
    _check_header(image)
    shape = tuple(int(length) for length in image.shape)
    axial = int(np.argmax(np.abs(image.affine[2, :3]) / np.linalg.norm(image.affine[:3, :3], axis=0)))
    profile = np.zeros(shape[axial], np.int64)
    low, high, nonfinite = np.inf, -np.inf, 0
    values: dict[float, int] | None = {} if max_values else None
    start = 0
    for slab in _slabs(image, path):
        finite = np.isfinite(slab)
        bad = slab.size - int(finite.sum())
        nonfinite += bad
        whole = slab[finite] if bad else slab
        if whole.size:
            low, high = min(low, float(whole.min())), max(high, float(whole.max()))
        here = slice(start, start + slab.shape[2]) if axial == 2 else slice(None)
        profile[here] += np.count_nonzero(slab, axis=tuple(axis for axis in range(3) if axis != axial))
        start += slab.shape[2]
        if values is not None:
            values = _count(values, whole, max_values)
    return NiftiFacts(
        shape, np.array(image.affine, float), image.get_data_dtype(), low, high, nonfinite, values or {}, profile,
        bool(image.header["qform_code"] or image.header["sform_code"]), is_phantom_image(image), file_digest(path),
    )  # fmt: skip


def _check_header(image: nibabel.spatialimages.SpatialImage) -> None:
    shape, dtype = image.shape, image.get_data_dtype()
    if not isinstance(image, nibabel.Nifti1Image | nibabel.Nifti1Pair):
        raise ValueError(f"must be NIfTI, found {type(image).__name__}; save it as .nii or .nii.gz")
    if len(shape) != 3:
        raise ValueError(f"must be one volume with three axes, found the shape {shape}; save the CT volume alone")
    if not all(1 <= length <= MAX_AXIS for length in shape):
        raise ValueError(f"must have 1 to {MAX_AXIS} voxels along each axis, found {shape}; the header may be damaged")
    if dtype.kind not in "iuf":
        raise ValueError(f"must hold one number a voxel, found {dtype}; save it in grey values")
    if not np.isfinite(image.affine).all() or abs(np.linalg.det(image.affine[:3, :3])) < 1e-9:
        raise ValueError(f"has an affine that places no grid: {np.round(image.affine, 3).tolist()}; export it again")


def _slabs(image: nibabel.Nifti1Image, path: Path) -> Iterator[np.ndarray]:
    """Yield (X, Y, n) pieces along the last axis, scaled."""
    proxy = image.dataobj
    plane = int(np.prod(proxy.shape[:2])) * proxy.dtype.itemsize
    step = max(1, SLAB_BYTES // plane)
    read, depth = 0, proxy.shape[2]
    try:
        with closing(gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")) as stream:
            stream.seek(proxy.offset)
            while read < depth:
                count = min(step, depth - read)
                piece = stream.read(count * plane)
                if len(piece) < count * plane:
                    raise EOFError(f"slices {read + len(piece) // plane} to {depth - 1} of {depth} are missing")
                slab = np.frombuffer(piece, proxy.dtype).reshape((*proxy.shape[:2], count), order="F")
                plain = proxy.slope == 1 and proxy.inter == 0
                yield slab if plain else slab * float(proxy.slope) + float(proxy.inter)
                read += count
            while stream.read(SLAB_BYTES):  # to gzip's checksum
                pass
    except (OSError, EOFError, gzip.zlib.error) as error:
        raise ValueError(f"is cut short or damaged ({_one_line(error)}); copy or download it again") from error


def _count(values: dict[float, int], slab: np.ndarray, limit: int) -> dict[float, int] | None:
    if slab.dtype == np.uint8:
        counts = np.bincount(slab.ravel(order="K"), minlength=256)
        found = np.flatnonzero(counts)
        counts = counts[found]
    else:
        found, counts = np.unique(slab, return_counts=True)
    for value, count in zip(found.tolist(), counts.tolist(), strict=True):
        values[float(value)] = values.get(float(value), 0) + count
    return values if len(values) <= limit else None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
