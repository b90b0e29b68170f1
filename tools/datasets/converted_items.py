"""Items of a converted data set, or how to make one."""

from pathlib import Path
from typing import Any

from ..own_command import own_command
from .datalist import FILE_NAME, read_datalist


def converted_items(
    dataset_dir: str | Path, split: str, name: str, expected: str, source: str | Path = "RAW"
) -> list[dict[str, Any]]:
    """Items of one part of a converted data set, see ``read_datalist``.

    Args:
        name: of the data set, for the command that makes it.
        expected: what should be there beside datalist.json, in words.
        source: what that command is to convert, when it is known.

    Raises:
        FileNotFoundError: it is no converted data set; says what was expected and how to make it.
        ValueError: see ``read_datalist``.
    """
    folder = Path(dataset_dir)
    if not (folder / FILE_NAME).is_file():
        state = "does not exist" if not folder.exists() else f"has no {FILE_NAME}"
        raise FileNotFoundError(
            f"dataset_dir {folder.absolute()} {state}; expected there: {FILE_NAME}, {expected}. "
            f"Make them with: {own_command(f'prepare {name} --source {source} --output {folder.absolute()}')}"
        )
    return read_datalist(folder, split)
