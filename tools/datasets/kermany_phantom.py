"""A synthetic chest X-ray set in the raw form of the Kermany release, so that a demo goes through its converter.

    FOLDER/train/NORMAL/IM-0115-0001.jpeg   train/PNEUMONIA/person1_bacteria_1.jpeg   test/...   val/...

Every JPEG says "MONAI bundle phantom" in its comment.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .phantom_folder import check_phantom_arguments, phantom_folder
from .phantom_mark import PHANTOM_MARK
from .xray_phantom import XrayGrade, phantom_xray, xray_grade

TEST_SHARE = 3  # test/ has one patient for so many of train/
COLOUR_EVERY, OTHER_EVERY = 4, 7  # one image in so many is saved in colour channels; the size is odd anyway
VAL_FROM = 6  # patients of a class from which on there is a val/ with one of each


@dataclass(frozen=True)
class _Patient:
    """One synthetic child: where its images go, and the number that its anatomy is drawn from."""

    folder: str
    subtype: str
    number: int
    anatomy: int


def write_phantom(folder: Path, *, patients: int = 6, grade: str = "easy", seed: int = 0, quiet: bool = False) -> Path:
    """Write a release in small: one to three images a patient, names like the real ones; all or nothing.

    The same arguments give the same bytes. Among the images are some saved in three colour channels, of all sizes, off
    the centre, with tubes and letters, and beside them the hidden file of a desktop system.

    Args:
        folder: where to write; must not exist yet or be empty.
        patients: of each class in train/; test/ gets a third as many, at least one; from six on there is a val/.
        grade: "easy" (small, clear opacities, for the demo and the tests) or "hard" (large, faint, noisy).
        quiet: no progress bar; there is one on a terminal only.

    Returns:
        ``folder``.

    Raises:
        ValueError: too few patients, or an unknown grade.
        FileExistsError: ``folder`` holds something already.
    """
    chosen, folder = xray_grade(grade), Path(folder)
    check_phantom_arguments(patients, None, None)
    count = 0
    with phantom_folder(folder) as draft:
        for patient in tqdm(_patients(patients), desc="writing", unit="patient", disable=quiet or None):
            images = int(np.random.default_rng([seed, patient.anatomy, 0]).integers(1, 4))
            for image in range(images if patient.folder == "train" else 1):
                count += 1
                _write_image(draft, chosen, patient, image, seed, count)
        (draft / "train" / "NORMAL" / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    return folder


def _patients(count: int) -> list[_Patient]:
    """All patients; numbers of train/ and test/ do not meet within a series, as in the release."""
    places = [("test", max(count // TEST_SHARE, 1), 1), ("train", count, 115)]
    if count >= VAL_FROM:
        places.append(("val", 1, 1427))
    found: list[_Patient] = []
    for folder, size, first in places:
        for index in range(size):
            ill = "bacteria" if index % 2 == 0 else "virus"
            found.append(_Patient(folder, "normal", first + index, len(found)))
            found.append(_Patient(folder, ill, first + index // 2, len(found)))
    return found


def _write_image(root: Path, grade: XrayGrade, patient: _Patient, image: int, seed: int, count: int) -> None:
    from PIL import Image

    pixels = phantom_xray(grade, patient.subtype, patient.anatomy, image, seed).pixels
    picture = Image.fromarray(pixels)
    if count % COLOUR_EVERY == 0:
        picture = picture.convert("RGB")
    if patient.subtype == "normal":
        series = "NORMAL2-IM" if count % OTHER_EVERY == 0 else "IM"
        name = f"{series}-{patient.number:04d}-{image + 1:04d}.jpeg"
    else:
        name = f"person{patient.number}_{patient.subtype}_{count}.jpeg"
    place = root / patient.folder / ("NORMAL" if patient.subtype == "normal" else "PNEUMONIA")
    place.mkdir(parents=True, exist_ok=True)
    picture.save(place / name, quality=80 + count % 16, comment=PHANTOM_MARK.encode())
