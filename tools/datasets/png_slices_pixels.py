"""The pixels of PNG slices: checked before they are stacked, 8-bit grey and nothing else.

Axes of a volume are (X, Y, Z) = (column, row, slice).
"""

import struct
from pathlib import Path

import numpy as np

from .findings import some
from .png_slices_folder import PngVolume

MAX_SIDE = 4096
KINDS = {0: "grey", 2: "colour", 3: "palette", 4: "grey with transparency", 6: "colour with transparency"}
MASK = (0, 255)


def check_pixels(volume: PngVolume, allow_empty: bool) -> None:
    """Read every slice of a volume; problems go to its findings."""
    if not volume.slices or not _check_headers(volume):
        return
    low, high, target, strange, where = 255, 0, 0, {}, set()
    for number, (image, label) in volume.slices.items():
        try:
            pixels, mask = read_grey(image), read_grey(label)
        except ValueError as error:
            volume.findings.problem(str(error))
            continue
        low, high = min(low, int(pixels.min())), max(high, int(pixels.max()))
        target += int((mask == MASK[1]).sum())
        for value, count in zip(*np.unique(mask, return_counts=True), strict=True):
            if value not in MASK:
                strange[int(value)] = strange.get(int(value), 0) + int(count)
                where.add(number)
    if strange:
        values = some(sorted(strange), 6)
        volume.findings.problem(
            f"a mask may hold only 0 and 255, found {values} in {sum(strange.values())} pixels of {len(where)} "
            f"slice(s) ({some(sorted(where))}); save masks without smoothing or compression losses"
        )
    if low == high:
        volume.findings.problem(f"every pixel of every picture has the value {low}: it is blank; export it again")
    if not target and not volume.findings.problems:
        if allow_empty:
            volume.findings.warning("no mask has a pixel: kept as a patient without target")
        else:
            volume.findings.problem("no mask has a pixel; if there truly is no tumour, pass --allow-empty")


def read_grey(path: Path) -> np.ndarray:
    """Read an 8-bit grey PNG; returns (rows, columns) uint8.

    Raises:
        ValueError: it is damaged.
    """
    from skimage.io import imread

    try:
        pixels = imread(path)
    except Exception as error:  # decoders raise many kinds for a damaged file
        text = " ".join(str(error).split())
        raise ValueError(f"{path.parent.name}/{path.name} is damaged ({text}); export it again") from error
    if pixels.ndim != 2 or pixels.dtype != np.uint8:
        raise ValueError(f"{path.parent.name}/{path.name} must be 8-bit grey, found {pixels.dtype} {pixels.shape}")
    return pixels


def read_stack(volume: PngVolume) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and masks of a volume, both (X, Y, Z) uint8, the masks 0 and 1."""
    pairs = [(read_grey(image), read_grey(label)) for image, label in volume.slices.values()]
    pictures, masks = (np.stack([pair[index].T for pair in pairs], axis=-1) for index in (0, 1))
    return pictures, (masks == MASK[1]).astype(np.uint8)


def _check_headers(volume: PngVolume) -> bool:
    """Whether all pictures and masks are 8-bit grey and of one size."""
    sizes: dict[tuple[int, int], list[str]] = {}
    good = True
    for path in volume.files:
        name = f"{path.parent.name}/{path.name}"
        try:
            columns, rows = _size(path)
        except ValueError as error:
            volume.findings.problem(f"{name} {error}")
            good = False
            continue
        sizes.setdefault((columns, rows), []).append(name)
    if len(sizes) > 1:
        found = some([f"{c} x {r} in {len(names)} ({names[0]})" for (c, r), names in sizes.items()])
        volume.findings.problem(
            f"all pictures and masks of a volume must have one size, found {found}; export them alike"
        )
        good = False
    return good


def _size(path: Path) -> tuple[int, int]:
    """Columns and rows by the header of an 8-bit grey PNG."""
    with path.open("rb") as stream:
        head = stream.read(26)
    if len(head) < 26 or head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR":
        raise ValueError("is no PNG file; export it again")
    columns, rows, depth, kind = struct.unpack(">IIBB", head[16:26])
    if depth != 8 or kind != 0:
        raise ValueError(f"must be 8-bit grey, found {depth}-bit {KINDS.get(kind, kind)}; convert it")
    if not (1 <= columns <= MAX_SIDE and 1 <= rows <= MAX_SIDE):
        raise ValueError(f"must have 1 to {MAX_SIDE} pixels a side, found {columns} x {rows}")
    return columns, rows
