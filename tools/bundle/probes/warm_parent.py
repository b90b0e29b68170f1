"""A Python with MONAI imported that runs each request in a forked child. Started with ``python -I``; standalone.

Importing torch and MONAI takes seconds, a fork milliseconds. A child is as clean as a new process in what matters: no
repository on ``sys.path``, nothing of any bundle imported, its own working folder, arguments and environment.

Requests are JSON lines on standard input: ``{"id", "cwd", "env", "seconds", "stdout", "stderr"}`` with either
``{"probe": script, "argument": any, "answer": file}``, which calls the script's ``probe(argument)`` and writes what it
returns, or ``{"module": name, "argv": [...]}``, which is ``python -m``. Each is answered by ``{"id", "code"}``.
"""

import importlib
import json
import os
import runpy
import select
import signal
import sys
from typing import Any


def serve() -> None:
    """Answer requests until standard input is closed; children that still run then are stopped."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    children: dict[int, int] = {}
    pending = b""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            reap(children)
        if 0 in ready:
            chunk = os.read(0, 1 << 16)
            if not chunk:
                break
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                request = json.loads(line)
                children[fork(request)] = request["id"]
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def reap(children: dict[int, int]) -> None:
    """Answer the requests whose children have ended."""
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        answer = {"id": children.pop(pid), "code": os.waitstatus_to_exitcode(status)}
        os.write(1, json.dumps(answer).encode() + b"\n")


def fork(request: dict[str, Any]) -> int:
    """Start a child on a request and return its process id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.alarm(int(request["seconds"]))  # ends a child that hangs
        code = run(request)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def run(request: dict[str, Any]) -> int:
    """Do what a request says, in this process, and return the exit status."""
    for descriptor, name, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, request["stdout"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, request["stderr"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        os.dup2(os.open(name, flags, 0o644), descriptor)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    try:
        if "probe" in request:
            answer = runpy.run_path(request["probe"])["probe"](request["argument"])
            with open(request["answer"], "w", encoding="utf-8") as file:
                json.dump(answer, file)
        else:
            sys.path.insert(0, request["cwd"])  # as `python -m` does
            sys.argv = [request["module"], *request["argv"]]
            runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())  # a bundle installs its own
        return 1
    return 0


if __name__ == "__main__":
    for warm in sys.argv[1:]:
        importlib.import_module(warm)
    serve()
