"""Files of a converted data set, written so that each is either there whole or not at all."""

import os
from pathlib import Path

import nibabel
import numpy as np

from .file_digest import file_digest

PARTIAL = ".partial-"


def write_text(path: Path, text: str) -> None:
    """Write a text file so that it is either the old one or the new one, whole."""
    partial = _partial(path)
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_nifti(output: Path, name: str, image: nibabel.Nifti1Image) -> str:
    """Write a volume to ``output/name``; returns the file's SHA-256."""
    path = inside(output, name)
    partial = _partial(path)
    try:
        nibabel.save(image, partial)
        digest = file_digest(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return digest


def nifti_volume(array: np.ndarray, affine: np.ndarray, is_sheared: bool = False) -> nibabel.Nifti1Image:
    """An array (X, Y, Z) with its affine to RAS mm; a sheared one is kept by the sform alone."""
    image = nibabel.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code=1)
    image.set_qform(None if is_sheared else affine, code=0 if is_sheared else 1)
    return image


def inside(output: Path, *parts: str) -> Path:
    """A path below ``output``; its folder is made.

    Raises:
        ValueError: the path leads out of ``output``.
    """
    path = output.joinpath(*parts)
    if not path.resolve().is_relative_to(output.resolve()):
        raise ValueError(f"a case must stay inside {output}, got {'/'.join(parts)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def clear_partial(output: Path, folders: tuple[str, ...]) -> None:
    """Remove what a killed run left half-written in these folders."""
    for folder in folders:
        for path in (output / folder).glob(f"{PARTIAL}*"):
            path.unlink(missing_ok=True)


def _partial(path: Path) -> Path:
    return path.with_name(f"{PARTIAL}{os.getpid()}-{path.name}")
