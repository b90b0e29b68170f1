"""Read an X-ray saved as a picture: grey, eight bits, rows from top to bottom."""

from __future__ import annotations

from typing import Any

from monai.data import PILReader

from .codec_notice import silence_codec_notice
from .image_check import grey_pixels


class XrayReader(PILReader):
    """``PILReader`` of JPEG, PNG, BMP and TIFF that gives (rows, columns) of 0 to 255, whatever the file holds.

    Colours become their brightness; 16-bit grey is scaled by its own range, as viewers do. MONAI's own order of axes
    would be columns, rows.
    """

    def __init__(self) -> None:
        silence_codec_notice()
        super().__init__(converter=_grey, reverse_indexing=False)

    def verify_suffix(self, filename: Any) -> bool:
        """Take whatever is asked for: the reader is named, so nothing has to be guessed from the suffix."""
        return True


def _grey(image: Any) -> Any:
    from PIL import Image

    return Image.fromarray(grey_pixels(image))
