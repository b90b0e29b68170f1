"""Stored pixel values to Hounsfield units, and whether they can be read at all."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import UID

from .dicom_slice import SliceInfo

try:
    from pydicom.pixels import get_decoder
except ImportError:  # pydicom 2, which MONAI Label's server needs: decoders show there when they are used
    get_decoder = None

INT16 = np.iinfo(np.int16)


def pixel_data_problem(header: FileDataset, path: Path) -> str | None:
    """Why the pixels of a file cannot be read, judged without decoding them when they are not compressed.

    Args:
        header: read with ``defer_size``, so that ``PixelData`` is a length and an offset.
    """
    element = header.get_item("PixelData", **({"keep_deferred": True} if get_decoder else {}))
    if element is None:
        return "the file has no pixel data (truncated?); download it again"
    syntax = UID(header.file_meta.get("TransferSyntaxUID", "1.2.840.10008.1.2"))
    if syntax.is_compressed and syntax.is_encapsulated:
        return missing_decoder(syntax)
    frames = int(header.get("NumberOfFrames") or 1)
    expected = int(header.Rows) * int(header.Columns) * frames * int(header.get("BitsAllocated", 16)) // 8
    found = len(element.value) if element.value is not None else path.stat().st_size - element.value_tell
    found = min(found, getattr(element, "length", found))
    if found < expected:
        return f"the pixel data must be {expected} bytes, found {found} (truncated file); download it again"
    return None


def missing_decoder(syntax: UID) -> str | None:
    """Why a compressed transfer syntax cannot be decoded here, or None."""
    if get_decoder is None:
        return None
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        return f"transfer syntax {syntax.name} ({syntax}) has no decoder in pydicom; decompress the series first"
    if decoder.is_available:
        return None
    needed = "; ".join(decoder.missing_dependencies)
    return f"compressed with {syntax.name} ({syntax}) and no decoder is installed: {needed}; install one of them"


def decoding_problem(slices: Sequence[SliceInfo]) -> str | None:
    """Decode every file of a compressed series once; the first failure in words, or None."""
    for path in dict.fromkeys(item.path for item in slices):
        try:
            stored_pixels(pydicom.dcmread(path))
        except Exception as error:  # decoders raise whatever they like for damaged data
            return f"the compressed pixels of {path.name} cannot be decoded ({error}); download the file again"
    return None


def stored_pixels(dataset: Dataset) -> np.ndarray:
    """Stored values of a file as (frames, rows, columns)."""
    pixels = dataset.pixel_array
    return pixels if pixels.ndim == 3 else pixels[None]


def read_hounsfield(slices: Sequence[SliceInfo]) -> tuple[np.ndarray, int]:
    """Read ordered slices, each with its own slope and intercept.

    Returns:
        int16 HU (X, Y, Z) = (column, row, slice) in Fortran order (what NIfTI stores), and the number of voxels that
        had to be clipped to the range of int16. Values are rounded to whole HU.
    """
    rows, columns = slices[0].size
    volume = np.empty((len(slices), rows, columns), dtype=np.int16)
    clipped = 0
    path, frames = None, np.empty(0)
    for index, item in enumerate(slices):
        if item.path != path:
            path, frames = item.path, stored_pixels(pydicom.dcmread(item.path))
        pixels = frames[item.frame or 0]
        if item.slope.is_integer() and item.intercept.is_integer():
            hounsfield = pixels.astype(np.int32) * int(item.slope) + int(item.intercept)
        else:
            hounsfield = np.rint(pixels * item.slope + item.intercept)
        outside = np.count_nonzero((hounsfield < INT16.min) | (hounsfield > INT16.max))
        clipped += int(outside)
        volume[index] = np.clip(hounsfield, INT16.min, INT16.max) if outside else hounsfield
    return volume.transpose(2, 1, 0), clipped
