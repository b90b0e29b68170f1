"""A packed bundle that MONAI downloads is the one that was packed, and loads."""

import functools
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .files import read_sums
from .load import ADVICE
from .subject import Subject

PUBLISHED = "SHA256SUMS"  # beside the zip, as a release has it


def check(subject: Subject) -> list[str]:
    """Return what goes wrong when `monai.bundle download --url` gets the zip from a local server."""
    folder = subject.folder("download")
    with server(subject.archive.parent) as address:
        url = f"{address}/{subject.archive.name}"
        argv = ["download", "--name", subject.name, "--url", url, "--bundle_dir", folder, "--progress", "False"]
        done = subject.clean.module("monai.bundle", argv, subject.elsewhere)
    if done.code:
        return [f"python -m monai.bundle download --url: {done.last_line}; the zip must hold one folder {subject.name}"]
    got, stated = sha256(folder / f"{subject.name}.zip"), published_sum(subject.archive)
    if got != stated:
        where = f"{PUBLISHED} beside it" if stated else "the file itself"
        return [f"the zip has sha256 {got}, {where} says {stated}; publish both anew: python -m tools release"]
    root = folder / subject.name
    weights = root / "models" / "model.pt"
    if not weights.is_file():
        weights.parent.mkdir(exist_ok=True)
        os.link(subject.weights, weights)
    wrong = subject.probe("load", root=root, kinds=["train"], thorough=False)
    return [f"the downloaded bundle, {problem}; {ADVICE}" for problem in wrong]


def published_sum(archive: Path) -> str | None:
    """Return the sha256 that was published for a zip; without a file of sums, that of the zip."""
    sums = archive.parent / PUBLISHED
    return read_sums(sums.read_text(encoding="utf-8")).get(archive.name) if sums.is_file() else sha256(archive)


def sha256(file: Path) -> str:
    """Return the hash of a file."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


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
