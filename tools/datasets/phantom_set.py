"""A converted phantom data set, made once: what training uses when no real data were given."""

import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch.distributed

from ..own_command import own_command
from .datalist import FILE_NAME, read_datalist

logger = logging.getLogger(__name__)


def phantom_items(
    phantom_dir: str | Path,
    split: str,
    name: str,
    version: str,
    write_phantom: Callable,
    prepare: Callable,
    patients: int,
    grade: str,
    seed: int,
) -> list[dict[str, Any]]:
    """Items of one part of the phantom of the data set ``name`` below ``phantom_dir``; made when it is not there yet.

    It is written in the raw form and converted as real data would be. It gets its name only when it is complete, and
    that name says what it is, so that another size, grade, seed or converter version is another folder. With several
    processes rank 0 makes it while the others wait; on a node that does not share the folder each process makes its
    own, the first to finish wins.

    Raises:
        ValueError: see ``read_datalist``.
    """
    folder = Path(phantom_dir)
    made = folder / f"{name}-{grade}-{patients}-patients-seed-{seed}-v{version}"
    several = torch.distributed.is_available() and torch.distributed.is_initialized()
    rank = torch.distributed.get_rank() if several else 0
    if rank == 0:
        _warn_once(str(folder), name)
    if several:
        try:
            if rank == 0:
                _make(made, write_phantom, prepare, patients, grade, seed)
        finally:
            torch.distributed.barrier()
    _make(made, write_phantom, prepare, patients, grade, seed)
    return read_datalist(made / "nifti", split)


@cache
def _warn_once(folder: str, name: str) -> None:
    logger.warning(
        "no dataset_dir was given: a small synthetic phantom is used instead, made in %s. What is learnt from it says "
        "nothing about patients. For real data pass --dataset_dir DIR; this makes it: %s",
        folder,
        own_command(f"prepare {name} --source RAW --output DIR"),
    )


def _make(made: Path, write_phantom: Callable, prepare: Callable, patients: int, grade: str, seed: int) -> None:
    """Write the raw form, convert it, and give both their name in one step."""
    if (made / "nifti" / FILE_NAME).is_file():
        return
    made.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".phantom-", dir=made.parent))
    try:
        write_phantom(draft / "raw", patients=patients, grade=grade, seed=seed)
        prepare(draft / "raw", draft / "nifti", seed=seed, quiet=True)
        draft.chmod(0o755)
        try:
            os.replace(draft, made)
        except OSError:  # another process was first
            if not (made / "nifti" / FILE_NAME).is_file():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
