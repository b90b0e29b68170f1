"""A checkpoint file is there whole or not at all."""

import errno
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import torch

TORCH_WRITER = "inline_container"  # in the RuntimeError that torch makes of a failed write


def write_checkpoint(path: Path, content: Any) -> None:
    """Write ``content`` to a temporary file beside ``path``, force it to the disk, then put it in place.

    Raises:
        OSError: when it cannot be written, for want of space for instance; the former file is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        written = temporary.stat().st_size / 1e6 if temporary.exists() else 0.0
        temporary.unlink(missing_ok=True)
        if isinstance(error, RuntimeError) and TORCH_WRITER not in str(error):
            raise  # of a device, for instance: nothing that more space would cure
        raise _explain(path, error, written) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def read_checkpoint(path: Path) -> Any:
    """Read what ``write_checkpoint`` wrote, tensors on the CPU.

    Raises:
        ValueError: when the file is damaged or holds more than tensors and plain values.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(
            f"{path} cannot be read as a checkpoint ({type(error).__name__}): it is damaged, or holds more than "
            "tensors and plain values. Move it away, or begin afresh with --resume false."
        ) from error


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files of runs that were killed while writing."""
    for pattern in (".*.pt.*.tmp", ".*.ckpt.*.tmp"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)


def _explain(path: Path, error: Exception, written_mb: float) -> OSError:
    free_mb = shutil.disk_usage(path.parent).free / 1e6
    full = getattr(error, "errno", None) == errno.ENOSPC or isinstance(error, RuntimeError)
    former = "The former file is unchanged" if path.exists() else "There was none before"
    message = (
        f"cannot write {path}: {'the disk is full' if full else error}; {written_mb:.1f} MB were written, "
        f"{free_mb:.1f} MB are free now. {former}. Free some space or set another ckpt_dir, then run the same command "
        "again to resume"
    )
    return OSError(getattr(error, "errno", None) or errno.ENOSPC, message)


def _sync_folder(folder: Path) -> None:
    """Make the new name itself survive a power failure, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        return
    finally:
        os.close(descriptor)
