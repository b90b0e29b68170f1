"""Write a mask with exactly the axes of its scan."""

from pathlib import Path
from typing import Any

from monai.config import NdarrayOrTensor, PathLike
from monai.data import NibabelWriter

from .stale_seg import remove_stale_seg


class MaskWriter(NibabelWriter):
    """NIfTI writer that drops a single channel and nothing else, for the ``writer`` of ``SaveImaged``.

    MONAI's own also drops trailing axes of length one, so that the mask of a scan with one slice loses an axis. The
    DICOM SEG of a mask that is replaced is removed.
    """

    def set_data_array(
        self, data_array: NdarrayOrTensor, channel_dim: int | None = 0, squeeze_end_dims: bool = True, **kwargs: Any
    ) -> None:
        """Take an array (1, X, Y, Z), or (C, X, Y, Z) whose channels become the last axis."""
        super().set_data_array(data_array, channel_dim=channel_dim, squeeze_end_dims=False, **kwargs)
        if self.data_obj.shape[-1] == 1:
            self.data_obj = self.data_obj[..., 0]

    def write(self, filename: PathLike, verbose: bool = False, **obj_kwargs: Any) -> None:
        """Write the file; the SEG goes first, so that it never stands beside a mask that it does not belong to."""
        remove_stale_seg(Path(filename))
        super().write(filename, verbose=verbose, **obj_kwargs)
