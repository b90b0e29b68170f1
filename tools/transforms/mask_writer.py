"""Write a mask with exactly the axes of its scan."""

from typing import Any

from monai.config import NdarrayOrTensor
from monai.data import NibabelWriter


class MaskWriter(NibabelWriter):
    """NIfTI writer that drops a single channel and nothing else, for the ``writer`` of ``SaveImaged``.

    MONAI's own also drops trailing axes of length one, so that the mask of a scan with one slice loses an axis.
    """

    def set_data_array(
        self, data_array: NdarrayOrTensor, channel_dim: int | None = 0, squeeze_end_dims: bool = True, **kwargs: Any
    ) -> None:
        """Take an array (1, X, Y, Z), or (C, X, Y, Z) whose channels become the last axis."""
        super().set_data_array(data_array, channel_dim=channel_dim, squeeze_end_dims=False, **kwargs)
        if self.data_obj.shape[-1] == 1:
            self.data_obj = self.data_obj[..., 0]
