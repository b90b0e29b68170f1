"""Look at one image file as a whole: readable to the last row, of a plausible size, and what its pixels are."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .findings import Findings
from .phantom_mark import PHANTOM_MARK

SUFFIXES = (".jpeg", ".jpg", ".png", ".bmp", ".tif", ".tiff")
THUMBNAIL = 112
COLOUR_TOLERANCE = 12  # JPEG moves the three channels of a grey picture apart by a few steps
ORIENTATION = 0x0112


@dataclass
class ImageFacts:
    """What was found in one file.

    Args:
        path: the file.
        size: rows, columns; (0, 0) when unreadable.
        channels: in the file.
        digest: SHA-256 over size and decoded grey pixels: the same for the same picture in another file format.
        thumbnail: (112, 112) uint8, the picture squashed to a square.
        phantom: made by a phantom writer.
        findings: problems make the file unusable.
    """

    path: Path
    size: tuple[int, int] = (0, 0)
    channels: int = 0
    digest: str = ""
    thumbnail: np.ndarray | None = field(default=None, repr=False)
    phantom: bool = False
    findings: Findings = field(default_factory=Findings)

    @property
    def name(self) -> str:
        """Class folder and file name: ``train/NORMAL/IM-0115-0001.jpeg``."""
        return "/".join(self.path.parts[-3:])


def is_image_name(path: Path) -> bool:
    """Whether a file is taken for an image: by its suffix, and no hidden copy such as ``._IM-0115-0001.jpeg``."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def look_at_image(path: Path, min_size: int = 64, max_aspect: float = 5.0) -> ImageFacts:
    """Decode a whole file and note what is wrong with it.

    Args:
        min_size: fewest rows and columns.
        max_aspect: greatest ratio of the longer to the shorter side.
    """
    from PIL import Image

    facts = ImageFacts(path)
    try:
        with Image.open(path) as image:
            image.load()
            facts.channels = len(image.getbands())
            facts.phantom = image.info.get("comment") == PHANTOM_MARK.encode()
            if image.getexif().get(ORIENTATION, 1) != 1:
                facts.findings.warning(
                    f"its EXIF orientation is {image.getexif()[ORIENTATION]}, which is ignored here: save it upright"
                )
            _look_at_pixels(facts, image, min_size, max_aspect)
    except Exception as error:  # a damaged file fails anywhere in Pillow: it must not hide the others
        facts.findings.problem(
            f"must be a readable image, got {type(error).__name__}: {_reason(error, path)}; copy it from the archive "
            "again or remove it"
        )
    return facts


def _look_at_pixels(facts: ImageFacts, image, min_size: int, max_aspect: float) -> None:
    from PIL import Image

    rows, columns = facts.size = (image.height, image.width)
    if min(facts.size) < min_size:
        facts.findings.problem(
            f"must have {min_size} rows and columns or more, got {rows} x {columns}; give the original image"
        )
        return
    if max(facts.size) > max_aspect * min(facts.size):
        facts.findings.problem(
            f"must not be longer than {max_aspect:g} times its width, got {rows} x {columns}; crop it to the chest"
        )
        return
    grey = grey_pixels(image)
    if int(grey.min()) == int(grey.max()):
        facts.findings.problem(f"must show something, every pixel is {int(grey.min())}; remove it")
    facts.digest = hashlib.sha256(f"{rows} {columns} ".encode() + grey.tobytes()).hexdigest()
    small = Image.fromarray(grey).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    facts.thumbnail = np.asarray(small)
    if facts.channels > 1 and colour_of(image) > COLOUR_TOLERANCE:
        facts.findings.warning("is a colour picture; only its brightness is used: is it an X-ray?")


def grey_pixels(image) -> np.ndarray:
    """Return the picture as (rows, columns) uint8; 16-bit grey is scaled by its own range, as viewers do."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, dtype=np.float64)
        low, high = float(values.min()), float(values.max())
        return np.round((values - low) * (255.0 / max(high - low, 1e-9))).astype(np.uint8)
    return np.asarray(image.convert("L"))


def colour_of(image) -> float:
    """Return how far the channels are apart, the mean over the coarse picture, in steps of 8 bits."""
    small = np.asarray(image.convert("RGB").resize((32, 32)), dtype=np.int16)
    return float((small.max(axis=2) - small.min(axis=2)).mean())


def _reason(error: Exception, path: Path) -> str:
    """Return the message without the full path, which says nothing new."""
    return str(error).replace(str(path), path.name).replace(repr(str(path)), path.name)
