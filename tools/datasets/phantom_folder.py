"""A folder for a phantom: written beside its place and named when it is complete."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def check_phantom_arguments(patients: int, pixel_mm: float | None, thickness_mm: float | None) -> None:
    """Refuse numbers that no phantom can have.

    Raises:
        ValueError: too few patients, or a spacing that is not positive.
    """
    if patients < 1:
        raise ValueError(f"patients must be 1 or more, got {patients}")
    for name, value in (("pixel_mm", pixel_mm), ("thickness_mm", thickness_mm)):
        if value is not None and not value > 0:
            raise ValueError(f"{name} must be above 0 mm, got {value}")


@contextmanager
def phantom_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder to write to; it becomes ``folder`` when the block ends, and nothing is left when it fails.

    Raises:
        FileExistsError: ``folder`` holds something already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is not an empty folder: name another one, or remove it first")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield draft
        draft.chmod(0o755)
        os.replace(draft, folder)  # an empty folder of that name is replaced
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
