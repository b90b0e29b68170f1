"""A DICOM SEG must not outlive the mask that it was made from."""

import logging
from pathlib import Path

from .mask_to_seg import MANUFACTURER

logger = logging.getLogger(__name__)


def remove_stale_seg(mask: Path) -> None:
    """Remove ``CASE_seg.dcm`` that an earlier run has left beside ``CASE_seg.nii.gz``, which is about to be written.

    A file that these bundles have not made stays, and a warning says so: nobody has asked to delete it.
    """
    seg = mask.with_name(mask.name.removesuffix(".gz").removesuffix(".nii") + ".dcm")
    if not seg.is_file():
        return
    if _is_ours(seg):
        seg.unlink()
        logger.info("%s removed: it was made from an earlier mask", seg)
    else:
        logger.warning("%s was not made by this bundle and is not removed; it need not agree with %s", seg, mask.name)


def _is_ours(path: Path) -> bool:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=["Modality", "Manufacturer"])
    except InvalidDicomError:
        return False
    return (header.get("Modality"), header.get("Manufacturer")) == ("SEG", MANUFACTURER)
