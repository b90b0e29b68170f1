"""Two runs must not write the same folder."""

import atexit
import json
import os
import socket
import uuid
from pathlib import Path

from ignite.engine import Engine, Events


class RunLock:
    """Hold ``<folder>/run.lock`` while a trainer runs, on rank 0.

    The lock of a process that is no more (on this machine) is taken over.

    Args:
        folder: the run's output folder.
        option: what a user sets to write to another folder.

    Raises:
        RuntimeError: at the start, when another process holds it.
    """

    def __init__(self, folder: str | Path, option: str = "output_dir") -> None:
        self.path = Path(folder) / "run.lock"
        self.option = option
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
            if self._place(json.dumps(own)):
                self.held = True
                atexit.register(self.release)
                return
            self._remove_if_stale()
        raise RuntimeError(f"{self.path} cannot be made. Delete it if no run uses this folder.")

    def release(self) -> None:
        """Give the lock back."""
        if self.held:
            self.path.unlink(missing_ok=True)
            self.held = False
            atexit.unregister(self.release)

    def _place(self, text: str) -> bool:
        """Make the lock with its content in one move; False when there is one."""
        draft = self._private_name()
        try:
            draft.write_text(text)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise OSError(
                error.errno, f"cannot write to {self.path.parent} ({error.strerror}); make room or name another folder"
            ) from error
        try:
            os.link(draft, self.path)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            try:
                with self.path.open("x") as file:
                    file.write(text)
            except FileExistsError:
                return False
        finally:
            draft.unlink(missing_ok=True)
        return True

    def _remove_if_stale(self) -> None:
        """Remove a lock that nobody holds; what is removed is looked at again, since another start may replace it."""
        try:
            self._refuse_if_held(self.path.read_text(errors="replace"))
            aside = self._private_name()
            os.rename(self.path, aside)
        except FileNotFoundError:
            return
        text = aside.read_text(errors="replace")
        try:
            self._refuse_if_held(text)
        except RuntimeError:
            self._place(text)
            raise
        finally:
            aside.unlink(missing_ok=True)

    def _private_name(self) -> Path:
        return self.path.with_name(f"{self.path.name}.{socket.gethostname()}.{os.getpid()}.{uuid.uuid4().hex[:8]}")

    def _refuse_if_held(self, text: str) -> None:
        try:
            owner = json.loads(text)
        except ValueError:
            owner = {}
        pid, host = owner.get("pid", -1), owner.get("host", socket.gethostname())
        here = host == socket.gethostname()
        if here and (_begun(pid) is None or _begun(pid) != owner.get("begun") or pid == os.getpid()):
            return
        raise RuntimeError(
            f"{self.path.parent} is in use by process {pid} on {host}. Wait for it, set another {self.option}, "
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
