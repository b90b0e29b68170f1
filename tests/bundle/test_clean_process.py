"""Processes that know nothing of the repository, and never make one wait for ever."""

import shutil

import pytest

from tools.bundle import clean_process
from tools.bundle.clean_process import CleanProcesses
from tools.bundle.collection import REPOSITORY

CLEAN = """
import os, sys
def probe(argument):
    if argument == "fail":
        raise ValueError("nothing\\ngood")
    print("said")
    return [argument, [name for name in sys.modules if name.split(".")[0] in ("tools", "tests")], sys.path, os.getcwd()]
"""


@pytest.fixture
def clean(tmp_path, monkeypatch):
    """Clean processes that start at once, with a probe called `clean`."""
    folder = tmp_path / "probes"
    folder.mkdir()
    (folder / "clean.py").write_text(CLEAN)
    shutil.copy(clean_process.PROBES / "warm_parent.py", folder)
    monkeypatch.setattr(clean_process, "PROBES", folder)
    monkeypatch.setattr(clean_process, "WARM", ("json",))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "repository"))
    with CleanProcesses(tmp_path / "scratch", seconds=20) as processes:
        yield processes


def test_a_process_knows_nothing_of_the_repository(clean, tmp_path):
    given, modules, path, here = clean.probe("clean", {"a": 1}, tmp_path).answer
    assert (given, modules, here) == ({"a": 1}, [], str(tmp_path))
    assert not [entry for entry in path if entry in ("", str(REPOSITORY), str(tmp_path / "repository"))]
    code = "import os; print('PYTHONPATH' in os.environ)"
    (tmp_path / "shown.py").write_text(code)
    for call in (clean.module, clean.process):
        assert call("shown", [], tmp_path).stdout == "False\n"  # found in the current folder, as python -m does


def test_a_failing_process_tells_its_last_line(clean, tmp_path):
    finished = clean.probe("clean", "fail", tmp_path)
    assert (finished.code, finished.answer, finished.last_line) == (1, None, "good")
    (tmp_path / "ends.py").write_text("import sys; sys.exit(3)")
    assert clean.module("ends", [], tmp_path).code == clean.process("ends", [], tmp_path).code == 3


def test_a_process_that_hangs_is_stopped(clean, tmp_path):
    (tmp_path / "hangs.py").write_text("import time; time.sleep(60)")
    clean.seconds = 1
    assert clean.module("hangs", [], tmp_path).last_line == "no message (ended by signal 14)"
    assert clean.process("hangs", [], tmp_path).last_line == "stopped: it had not ended after 1 s"


def test_a_warm_parent_that_ends_is_no_endless_wait(clean, tmp_path):
    (clean_process.PROBES / "warm_parent.py").write_text("")
    for _ in range(2):  # at first it ends with the request unread, then there is nobody to write to
        with pytest.raises(RuntimeError, match="the process that runs the checks ended by itself"):
            clean.probe("clean", 1, tmp_path)
