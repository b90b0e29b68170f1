"""Everything that is checked of a raw Kermany release before anything is made from it or trained on it."""

import logging
from functools import lru_cache
from pathlib import Path

from ..own_command import own_command
from .conversion_report import ConversionError, count_problems, problems_text, stop_on_problems
from .datalist import FILE_NAME
from .kermany_duplicates import Duplicates, find_duplicates
from .kermany_folder import XrayFolder, find_root, image_files, read_folder

logger = logging.getLogger(__name__)


def verify_dataset(
    source: Path, needed: tuple[str, ...] = ("train", "test"), skip_bad: bool = False, quiet: bool = True
) -> tuple[XrayFolder, Duplicates]:
    """Check a raw release before anything is made from it.

    Args:
        source: the folder with train/ and test/, or the folder it lies in.
        needed: folders that must be there with both classes: of train and test.
        skip_bad: let images with problems pass (they are noted); missing folders and classes are never let pass.

    Returns:
        The release and its duplicates.

    Raises:
        ConversionError: listing all problems: missing folders, single classes, images that are unreadable, truncated,
            too small or blank, in the folder of the other class, or with the same pixels under two labels.
        FileNotFoundError, NotADirectoryError: of ``source``.
    """
    root = root_of(source)
    folder = read_folder(root, needed, quiet)
    duplicates = find_duplicates([case for case in folder.good if case.facts.thumbnail is not None])
    if folder.problems:  # of the folder, which leaving out images does not cure
        raise ConversionError(
            f"{count_problems(folder.problems, folder.cases)} problem(s) in {root}; nothing was written.\n"
            f"{folder.summary}\n{problems_text(folder.problems, folder.cases)}"
        )
    stop_on_problems(root, folder.summary, [], folder.cases, skip_bad)
    return folder, duplicates


def checked_release(root: Path, needed: tuple[str, ...]) -> tuple[XrayFolder, Duplicates]:
    """What ``verify_dataset`` gives, once a process though training and validation ask for it; anew when files change.

    Args:
        root: see ``root_of``.
    """
    files = [path for _, _, path in image_files(root, needed)[0]]
    state = hash(tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files))
    return _checked(root, needed, state)


@lru_cache(maxsize=4)
def _checked(root: Path, needed: tuple[str, ...], state: int) -> tuple[XrayFolder, Duplicates]:
    logger.info("checking the images in %s", root)
    folder, duplicates = verify_dataset(root, needed)
    logger.info("%s\n%s", folder.summary, duplicates.text())
    return folder, duplicates


def root_of(source: Path) -> Path:
    """The folder with train/ or test/: ``source`` or the one in it.

    Raises:
        FileNotFoundError, NotADirectoryError: with what was expected and the next move.
    """
    root = find_root(source)
    if root is None:
        if source.exists() and not source.is_dir():
            raise NotADirectoryError(f"a folder is needed, this is a file: {source}; unpack the archive first")
        state = "holds no data set" if source.exists() else "does not exist"
        raise FileNotFoundError(
            f"{source.absolute()} {state}; expected there: train/ and test/, each with NORMAL/ and PNEUMONIA/, or the "
            f"{FILE_NAME} that this makes: {own_command('prepare kermany --source RAW --output DIR')}"
        )
    return root
