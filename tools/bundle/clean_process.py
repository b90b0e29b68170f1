"""Clean Python processes: no repository on the path, nothing imported but what is installed."""

import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any, Self

PROBES = Path(__file__).resolve().parent / "probes"
# imported once, before the forks; onnxruntime starts threads when it is imported and stays out
WARM = ("torch", "numpy", "fire", "ignite.engine", "monai.bundle", "monai.engines", "monai.handlers")
KEPT = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")
LONGEST_ERROR = 400


@dataclass(frozen=True)
class Finished:
    """How a process ended, what it printed, and what a probe returned."""

    code: int
    stdout: str
    stderr: str
    answer: Any = None

    @property
    def last_line(self) -> str:
        """The last line of its complaint, which in our bundles is the root cause."""
        lines = [line for line in self.stderr.splitlines() if line.strip()] or ["no message"]
        return f"{lines[-1].strip()[:LONGEST_ERROR]}" + ("" if self.code >= 0 else f" (ended by signal {-self.code})")


class CleanProcesses:
    """Run probes and modules away from the repository; a context manager. Safe to use from several threads.

    Args:
        scratch: folder for what the processes print and answer.
        seconds: a process that takes longer is stopped.
    """

    def __init__(self, scratch: Path, seconds: int = 600) -> None:
        self.scratch, self.seconds = scratch, seconds
        # what a run leaves in the folder for temporary files goes with the scratch folder
        self.environment = {name: os.environ[name] for name in KEPT if name in os.environ} | {"TMPDIR": str(scratch)}
        self.numbers = itertools.count()
        self.waiting: dict[int, Queue] = {}
        self.lock = threading.Lock()
        self.parent: subprocess.Popen | None = None
        self.ended = False

    def __enter__(self) -> Self:
        self.scratch.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self.parent is not None:
            with suppress(BrokenPipeError):  # it may have ended before it read all
                self.parent.stdin.close()
            self.parent.wait(timeout=60)
            self.reader.join()
            self.parent.stdout.close()

    def probe(self, name: str, argument: Any, cwd: Path) -> Finished:
        """Call ``probe(argument)`` of ``probes/NAME.py`` in a child of the warm parent."""
        number = next(self.numbers)
        answer = self.scratch / f"{number}.json"
        request = {"probe": str(PROBES / f"{name}.py"), "argument": argument, "answer": str(answer)}
        code, stdout, stderr = self._forked(number, request, cwd)
        value = json.loads(answer.read_text(encoding="utf-8")) if code == 0 else None
        return Finished(code, stdout, stderr, value)

    def module(self, name: str, argv: Sequence[object], cwd: Path) -> Finished:
        """Run ``python -m NAME ARGV`` in a child of the warm parent."""
        request = {"module": name, "argv": [str(word) for word in argv]}
        return Finished(*self._forked(next(self.numbers), request, cwd))

    def process(self, name: str, argv: Sequence[object], cwd: Path) -> Finished:
        """Run ``python -m NAME ARGV`` in a new process, as a user would."""
        command = [sys.executable, "-m", name, *map(str, argv)]
        try:
            done = subprocess.run(
                command, cwd=cwd, env=self.environment, capture_output=True, text=True, errors="replace", check=False,
                stdin=subprocess.DEVNULL, timeout=self.seconds,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Finished(1, "", f"stopped: it had not ended after {self.seconds} s")
        return Finished(done.returncode, done.stdout, done.stderr)

    def _forked(self, number: int, request: dict[str, Any], cwd: Path) -> tuple[int, str, str]:
        out, err = (self.scratch / f"{number}.{kind}" for kind in ("out", "err"))
        request |= {"id": number, "cwd": str(cwd), "env": self.environment, "seconds": self.seconds}
        request |= {"stdout": str(out), "stderr": str(err)}
        queue: Queue = Queue()
        with self.lock:
            self._start()
            self.waiting[number] = queue
            try:
                self.parent.stdin.write(json.dumps(request).encode() + b"\n")
                self.parent.stdin.flush()
            except BrokenPipeError:
                self.ended = True
            if self.ended:
                queue.put(None)
        code = queue.get()
        if code is None:
            raise RuntimeError("the process that runs the checks ended by itself; what it printed stands above")
        return code, *(path.read_text(encoding="utf-8", errors="replace") for path in (out, err))

    def _start(self) -> None:
        """Start the warm parent, once, when the first child is asked for."""
        if self.parent is None:
            command = [sys.executable, "-I", str(PROBES / "warm_parent.py"), *WARM]
            self.parent = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=self.scratch, env=self.environment
            )
            self.reader = threading.Thread(target=self._read, daemon=True)
            self.reader.start()

    def _read(self) -> None:
        for line in self.parent.stdout:
            answer = json.loads(line)
            self.waiting.pop(answer["id"]).put(answer["code"])
        with self.lock:  # nobody reads what is asked from now on
            self.ended = True
            while self.waiting:
                self.waiting.popitem()[1].put(None)
