"""Name a volume after its case, so that what is saved from it is found by that name."""

from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.transforms import MapTransform

FILE_NAME = "filename_or_obj"


class CaseNamed(MapTransform):
    """Let outputs be named after ``name_key`` of the item instead of after the file that was read.

    The files of a DICOM series have names like ``1-001.dcm`` in every case. Items without ``name_key`` pass unchanged.
    It comes last in the preprocessing, because messages before it name the file.

    Args:
        keys: MetaTensors to name.
        name_key: item entry with the name of the case.
        allow_missing_keys: pass over keys that an item lacks.
    """

    def __init__(self, keys: KeysCollection, name_key: str = "patient", allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.name_key = name_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the item with its volumes renamed."""
        item = dict(data)
        name = item.get(self.name_key)
        if name:
            for key in self.key_iterator(item):
                item[key].meta[FILE_NAME] = f"{name}.nii.gz"
        return item
