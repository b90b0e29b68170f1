"""CT slices as PNG pictures with masks, stacked to volumes, so that what takes Task06_Lung takes them, too.

    SOURCE/images/7_slice_0001.png   labels/7_slice_0001.png   ...
    OUTPUT/images/7.nii   labels/7.nii.gz   cases/7.json   datalist.json   report.txt

The volume's name is what stands before ``_slice_``; the split is by volume. Such pictures have lost what a CT knows,
and what is put in its place is said here and in the report:

- spacing: without ``spacing_mm`` it is not known. The list has null for it and the items of a configuration say
  ``spacing_known: False``; nothing in mm or ml is claimed, only pixels and slices. Since a NIfTI file must have some
  spacing, it is written as 0.8 x 0.8 x 1.25 mm, about what a chest CT has, with the header's unit "unknown".
- values: 0 to 255 are taken for a window of Hounsfield units, -1000 to 400 unless ``window_hu`` names another.
- place: columns run to the patient's left, rows to the back, numbers to the head, as a CT is looked at. An export that
  turned the pictures trains as well, but does not go together with scans that are not turned.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from .case_record import check_room, convert_cases
from .conversion_report import Conversion, stop_on_problems
from .png_slices_folder import IMAGES, PngVolume, plan_volumes
from .png_slices_pixels import check_pixels, read_grey, read_stack
from .whole_files import nifti_volume, write_nifti

VERSION = "1.0.0"
WINDOW_HU = (-1000.0, 400.0)
NOMINAL_MM = (0.8, 0.8, 1.25)


def convert_slices(
    root: Path, output: Path, *, skip_bad: bool, allow_empty: bool, allow_gaps: bool,
    spacing_mm: Sequence[float] | None, window_hu: Sequence[float] | None, quiet: bool,
) -> Conversion:  # fmt: skip
    """Check all slices, then stack and write them; run again, it goes on where it stopped.

    Args:
        root: folder with ``images`` and ``labels``.
        spacing_mm: distance of columns, rows and slices, when somebody knows it.
        window_hu: Hounsfield units of the grey values 0 and 255.

    Raises:
        ConversionError: see ``stop_on_problems``.
        ValueError: impossible spacing or window, or an output that would mix with the source.
        OSError: not enough room for the output.
    """
    spacing, window = check_spacing(spacing_mm), check_window(window_hu)
    if output.resolve() == root.resolve() or output.resolve().is_relative_to((root / IMAGES).resolve()):
        raise ValueError(f"--output would mix the volumes with the pictures in {root}; choose another folder")
    volumes, general = plan_volumes(root, allow_gaps)
    for volume in tqdm(volumes, desc="checking", unit="volume", disable=quiet):
        check_pixels(volume, allow_empty)
    found = _summary(volumes, spacing, window)
    stop_on_problems(root, found, general.problems, volumes, skip_bad)
    good = [volume for volume in volumes if not volume.findings.problems]
    check_room(output, sum(2 * len(v.slices) * read_grey(v.files[0]).size for v in good), len(good))

    def write(volume: PngVolume, digest: str) -> dict[str, Any]:
        return write_volume(output, volume, spacing, window, digest)

    settings = {"version": VERSION, "spacing_mm": spacing, "window_hu": window, "allow_gaps": allow_gaps}
    items = convert_cases(output, good, settings, lambda volume: volume.files, write, quiet)
    return Conversion(items, volumes, general.problems, found)


def write_volume(
    output: Path, volume: PngVolume, spacing: list[float] | None, window: list[float], digest: str
) -> dict[str, Any]:
    """Stack one checked volume; returns its datalist item. A volume with gaps has no known spacing."""
    pictures, mask = read_stack(volume)
    known = spacing if not volume.gaps else None
    affine = np.diag([*(np.array(known or NOMINAL_MM) * (-1, -1, 1)), 1.0])  # columns to L, rows to P, up to S
    hu = np.rint(window[0] + np.arange(256) * ((window[1] - window[0]) / 255)).astype(np.int16)[pictures]
    image, label = f"images/{volume.name}.nii", f"labels/{volume.name}.nii.gz"
    digests = {}
    for name, array in ((image, hu), (label, mask)):
        nifti = nifti_volume(array, affine)
        if known is None:
            nifti.header.set_xyzt_units("unknown")
        digests[name] = write_nifti(output, name, nifti)
    voxels = int(mask.sum())
    return {
        "image": image,
        "label": label,
        "patient": volume.name,
        "phantom": False,
        "spacing_mm": known,
        "shape": list(hu.shape),
        "target_ml": None if known is None else round(voxels * float(np.prod(known)) / 1000, 6),
        "target_voxels": voxels,
        "target_slices": int(mask.any(axis=(0, 1)).sum()),
        "slices": [min(volume.slices), max(volume.slices)],
        "gaps": volume.gaps,
        "sha256": {"source": digest, "image": digests[image], "label": digests[label]},
    }


def check_spacing(spacing_mm: Sequence[float] | None) -> list[float] | None:
    """Return three distances in mm, or None.

    Raises:
        ValueError: they are not three positive numbers.
    """
    if spacing_mm is None:
        return None
    values = spacing_mm if isinstance(spacing_mm, list | tuple) else [spacing_mm]
    if not (len(values) == 3 and all(isinstance(value, int | float) and 0 < value < 100 for value in values)):
        raise ValueError(f"--spacing_mm must be three distances in mm, columns, rows, slices, got {spacing_mm}")
    return [float(value) for value in values]


def check_window(window_hu: Sequence[float] | None) -> list[float]:
    """Return the Hounsfield units of 0 and 255.

    Raises:
        ValueError: they are not two ascending numbers that a CT can hold.
    """
    values = WINDOW_HU if window_hu is None else window_hu
    numbers = isinstance(values, list | tuple) and all(isinstance(value, int | float) for value in values)
    if not (numbers and len(values) == 2 and -4096 <= values[0] < values[1] <= 32767):
        raise ValueError(f"--window_hu must be two ascending Hounsfield units, those of 0 and 255, got {window_hu}")
    return [float(value) for value in values]


def _summary(volumes: list[PngVolume], spacing: list[float] | None, window: list[float]) -> str:
    count = sum(len(volume.slices) for volume in volumes)
    text = f"{count} PNG slice(s) of {len(volumes)} volume(s); 0 to 255 taken for {window[0]:g} to {window[1]:g} HU"
    if spacing is None:
        text += "; the spacing is unknown, so that nothing in mm or ml is (pass --spacing_mm if you know it)"
    return text
