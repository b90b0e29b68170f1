import errno
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from ignite.engine import Engine

from tools.handlers.run_lock import RunLock, _begun


@pytest.fixture
def other_process():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.communicate(b"\n")


def write(folder, **owner):
    (folder / "run.lock").write_text(json.dumps(owner))


def test_a_running_process_keeps_others_out(tmp_path, other_process):
    pid = other_process.pid
    write(tmp_path, pid=pid, begun=_begun(pid), host=socket.gethostname())
    with pytest.raises(RuntimeError, match=f"in use by process {pid} on .*set another output_dir"):
        RunLock(tmp_path).acquire()


def test_another_machine_keeps_others_out(tmp_path):
    write(tmp_path, pid=1, begun="1", host="elsewhere")
    with pytest.raises(RuntimeError, match="in use by process 1 on elsewhere"):
        RunLock(tmp_path).acquire()


@pytest.mark.parametrize("text", ["", "{", '{"pid": 999999999, "begun": "1"}'])
def test_lock_of_a_dead_process_is_taken_over(tmp_path, text):
    (tmp_path / "run.lock").write_text(text)
    lock = RunLock(tmp_path)
    lock.acquire()
    lock.acquire()
    assert json.loads((tmp_path / "run.lock").read_text())["pid"] == os.getpid()
    lock.release()
    assert not (tmp_path / "run.lock").exists()


def test_number_of_a_dead_process_that_was_given_again(tmp_path, other_process):
    write(tmp_path, pid=other_process.pid, begun="before", host=socket.gethostname())
    RunLock(tmp_path).acquire()


def test_held_while_an_engine_runs(tmp_path):
    seen = []
    engine = Engine(lambda engine, batch: seen.append((tmp_path / "run.lock").exists()))
    engine.state.rank = 0
    RunLock(tmp_path).attach(engine)
    engine.run([0])
    assert seen == [True]
    assert not (tmp_path / "run.lock").exists()


def test_other_ranks_leave_it_alone(tmp_path):
    engine = Engine(lambda engine, batch: None)
    engine.state.rank = 1
    RunLock(tmp_path / "eval").attach(engine)
    engine.run([0])
    assert not (tmp_path / "eval").exists()


def test_a_lock_taken_between_the_look_and_the_removal_is_put_back(tmp_path, monkeypatch, other_process):
    """Two starts find the same stale lock; the other one is faster."""
    write(tmp_path, pid=999_999_999, begun="1")
    theirs = {"pid": other_process.pid, "begun": _begun(other_process.pid), "host": socket.gethostname()}
    lock, refuse = RunLock(tmp_path), RunLock._refuse_if_held

    def overtaken(self, text):
        refuse(self, text)
        write(tmp_path, **theirs)

    monkeypatch.setattr(RunLock, "_refuse_if_held", overtaken)
    with pytest.raises(RuntimeError, match=f"in use by process {other_process.pid}"):
        lock.acquire()
    assert json.loads((tmp_path / "run.lock").read_text()) == theirs
    assert [path.name for path in tmp_path.iterdir()] == ["run.lock"]


def test_without_hard_links_a_lock_is_made_too(tmp_path, monkeypatch, other_process):
    def no_link(source, target):
        raise PermissionError("not supported")

    monkeypatch.setattr(os, "link", no_link)
    RunLock(tmp_path).acquire()
    assert json.loads((tmp_path / "run.lock").read_text())["pid"] == os.getpid()
    write(tmp_path, pid=other_process.pid, begun=_begun(other_process.pid), host=socket.gethostname())
    with pytest.raises(RuntimeError, match="in use"):
        RunLock(tmp_path).acquire()
    assert [path.name for path in tmp_path.iterdir()] == ["run.lock"]


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, monkeypatch):
    def full(path, text):
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match=r"cannot write to .* \(No space left on device\); make room or name another"):
        RunLock(tmp_path).acquire()
    assert not list(tmp_path.iterdir())
