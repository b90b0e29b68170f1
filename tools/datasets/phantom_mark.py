"""How a synthetic scan says that it is one: in DICOM as the manufacturer, in NIfTI as the header's description."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nibabel import Nifti1Image

PHANTOM_MARK = "MONAI bundle phantom"


def is_phantom_image(image: Nifti1Image) -> bool:
    """Whether the header of a NIfTI volume says that it is synthetic."""
    return image.header["descrip"].item().startswith(PHANTOM_MARK.encode())


def is_phantom_file(path: Path) -> bool:
    """Whether a NIfTI file says that it is synthetic; a file that cannot be read does not."""
    import nibabel

    try:
        return is_phantom_image(nibabel.load(path))
    except Exception:  # nibabel raises many kinds for a damaged file, and whoever reads it will say so
        return False
