"""Small phantoms for verification, made once for each data set: in the raw form, and converted."""

import inspect
import threading
from functools import cache
from pathlib import Path

from ..datasets.datalist import read_all
from ..datasets.registry import dataset_entry

# taken by the writers that know them: few thick slices, so that a full-size network needs seconds for a scan
SMALL = {"thickness_mm": 20.0, "pixel_mm": 4.0, "quiet": True}


class PhantomData:
    """Phantoms by name of the data set; the same one is given to everyone who asks.

    Args:
        folder: where they are written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.Lock()
        self._raw, self._converted = cache(self._write_raw), cache(self._convert)

    def raw(self, dataset: str, patients: int = 1) -> Path:
        """Return a folder with synthetic patients in the raw form of a data set."""
        with self.lock:
            return self._raw(dataset, patients)

    def converted(self, dataset: str, patients: int = 1) -> Path:
        """Return the same patients as the data set's converter leaves them."""
        raw = self.raw(dataset, patients)
        with self.lock:
            return self._converted(dataset, raw)

    def images(self, dataset: str, patients: int = 1) -> list[Path]:
        """Return the converted scans, sorted."""
        splits = read_all(self.converted(dataset, patients))
        return sorted(Path(item["image"]) for items in splits.values() for item in items)

    def _write_raw(self, dataset: str, patients: int) -> Path:
        write = dataset_entry(dataset).write_phantom()
        small = {name: value for name, value in SMALL.items() if name in inspect.signature(write).parameters}
        return write(self.folder / f"{dataset}-{patients}-raw", patients=patients, grade="easy", seed=0, **small)

    def _convert(self, dataset: str, raw: Path) -> Path:
        output = raw.with_name(raw.name.replace("-raw", "-converted"))
        entry = dataset_entry(dataset)
        empty = {"allow_empty": True} if "allow_empty" in entry.options() else {}
        entry.prepare()(raw, output, quiet=True, **empty)
        return output
