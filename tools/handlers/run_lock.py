"""Two runs must not write the same folder."""

import atexit
import json
import os
import socket
from pathlib import Path

from ignite.engine import Engine, Events


class RunLock:
    """Hold ``<folder>/run.lock`` while a trainer runs, on rank 0.

    The lock of a process that is no more (on this machine) is taken over.

    Args:
        folder: the run's output folder.

    Raises:
        RuntimeError: at the start, when another process holds it.
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder) / "run.lock"
        self.held = False

    def attach(self, engine: Engine) -> None:
        """Attach to a trainer; list it first."""
        if engine.state.rank == 0:
            engine.add_event_handler(Events.STARTED, self.acquire)
            engine.add_event_handler(Events.TERMINATE, self.release)
            engine.add_event_handler(Events.COMPLETED, self.release)

    def acquire(self) -> None:
        """Take the lock."""
        if self.held:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        own = {"pid": os.getpid(), "begun": _begun(os.getpid()), "host": socket.gethostname()}
        for _ in range(3):
            try:
                descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            except FileExistsError:
                self._remove_if_stale()
                continue
            os.write(descriptor, json.dumps(own).encode())
            os.close(descriptor)
            self.held = True
            atexit.register(self.release)
            return
        raise RuntimeError(f"{self.path} cannot be made. Delete it if no run uses this folder.")

    def release(self) -> None:
        """Give the lock back."""
        if self.held:
            self.path.unlink(missing_ok=True)
            self.held = False
            atexit.unregister(self.release)

    def _remove_if_stale(self) -> None:
        try:
            owner = json.loads(self.path.read_text())
        except (OSError, ValueError):
            owner = {}
        pid, host = owner.get("pid", -1), owner.get("host", socket.gethostname())
        here = host == socket.gethostname()
        if here and (_begun(pid) is None or _begun(pid) != owner.get("begun") or pid == os.getpid()):
            self.path.unlink(missing_ok=True)
            return
        raise RuntimeError(
            f"{self.path.parent} is in use by process {pid} on {host}. Wait for it, set another output_dir, "
            f"or delete {self.path} if that process is no more."
        )


def _begun(pid: int) -> str | None:
    """When a process began, in the system's own ticks; '' where that is not known, None when there is no such one."""
    try:
        os.kill(pid, 0) if pid > 0 else None
    except ProcessLookupError:
        return None
    except OSError:
        pass
    if pid <= 0:
        return None
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return ""
