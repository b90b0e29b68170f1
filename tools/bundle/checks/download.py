"""A packed bundle that MONAI downloads is the one that was packed, and loads."""

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ..release import SUMS
from ..weights import file_hash
from .files import read_sums
from .load import ADVICE
from .subject import Subject


def check(subject: Subject) -> list[str]:
    """Return what goes wrong when `monai.bundle download --url` gets the zip from a local server."""
    folder, served = subject.folder("download"), subject.folder("served")
    # the zip alone: its own folder may be somebody's home, and every user of this machine can read what is served
    (served / subject.archive.name).symlink_to(subject.archive)
    with server(served) as address:
        url = f"{address}/{subject.archive.name}"
        argv = ["download", "--name", subject.name, "--url", url, "--bundle_dir", folder, "--progress", "False"]
        done = subject.clean.module("monai.bundle", argv, subject.elsewhere)
    if done.code:
        return [f"python -m monai.bundle download --url: {done.last_line}; the zip must hold one folder {subject.name}"]
    got, (where, stated) = file_hash(folder / f"{subject.name}.zip"), published_sum(subject.archive)
    if got != stated:
        return [f"the zip has sha256 {got}, {where} says {stated}; publish both anew: python -m tools release"]
    root = folder / subject.name
    weights = root / "models" / "model.pt"
    if not weights.is_file():
        weights.parent.mkdir(exist_ok=True)
        os.link(subject.weights, weights)
    wrong = subject.probe("load", root=root, kinds=["train"], thorough=False)
    return [f"the downloaded bundle, {problem}; {ADVICE}" for problem in wrong]


def published_sum(archive: Path) -> tuple[str, str]:
    """Return who says what sha256 a zip should have: the file of sums beside it or, without one, the zip."""
    sums = archive.parent / SUMS
    if not sums.is_file():
        return "the packed file", file_hash(archive)
    return f"{SUMS} beside it", read_sums(sums.read_text(encoding="utf-8")).get(archive.name, "nothing of it")


class Quiet(SimpleHTTPRequestHandler):
    """Serve files without a word."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of this machine only, and yield its address."""
    handler = functools.partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_address[1]}"
        finally:
            running.shutdown()
            thread.join()
