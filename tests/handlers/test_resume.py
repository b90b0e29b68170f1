"""Runs in processes of their own that are interrupted, killed and resumed."""

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from ignite.engine import Events
from monai.handlers import ValidationHandler

from tests.handlers.test_stability_guard import assert_same
from tests.handlers.toy_run import parse, toy_trainer
from tools.handlers.checkpoint_file import read_checkpoint
from tools.handlers.resume import put_aside
from tools.report.run_files import write_json

ROOT = Path(__file__).resolve().parents[2]


def start(folder, *options):
    command = [sys.executable, "-u", "-m", "tests.handlers.toy_run", str(folder), *map(str, options)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def run(folder, *options, code=0):
    process = start(folder, *options)
    text = process.communicate(timeout=120)[0]
    assert process.returncode == code, text
    return text


def iterations(text):
    return [int(line.split()[1]) for line in text.splitlines() if line.startswith("done")]


def assert_equal_runs(first, second):
    """Weights, buffers, optimiser, schedule, handlers, random states: all that a checkpoint holds."""
    one, other = (read_checkpoint(folder / "models" / "last.ckpt") for folder in (first, second))
    assert_same(one, other)
    best = [torch.load(folder / "models" / "model.pt", weights_only=True) for folder in (first, second)]
    assert_same(*map(dict, best))


def run_here(folder, *options):
    """Run in this process; return the iterations that were done."""
    trainer = toy_trainer(parse([str(folder), *map(str, options)]))
    done = []
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: done.append(engine.state.iteration))
    try:
        trainer.run()
    except SystemExit as end:
        done.append(("exit", end.code))
    return done


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Folder of the uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    assert run_here(folder) == list(range(1, 19))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_interrupted_process_resumes_to_the_same_bits(whole, tmp_path, workers):
    """A signal to the whole group in the middle of an epoch, as a terminal sends it: the workers get it too."""
    text = run(tmp_path, "--workers", workers, "--signal-at", 9, "--group", code=130)
    assert iterations(text)[-1] == 9
    assert "stopped by SIGINT in epoch 2 after iteration 9" in text
    assert "run the same command again to resume" in text
    assert "end of program" not in text
    resumed = run(tmp_path, "--workers", workers)
    assert iterations(resumed) == list(range(10, 19))
    assert "resuming after epoch 1, iteration 9" in resumed
    assert_equal_runs(whole, tmp_path)


@pytest.mark.parametrize(
    ("accumulation", "at", "stops", "number"),
    [
        (1, 8, 8, signal.SIGTERM),
        (1, 6, 6, signal.SIGINT),  # in the last iteration of an epoch: validation still runs
        (4, 8, 10, signal.SIGTERM),  # in a window: stops when it is full, after the fourth iteration of the epoch
        (4, 11, 12, signal.SIGINT),  # in the last, shorter window
    ],
)
def test_interrupt_anywhere_resumes_to_the_same_bits(tmp_path, accumulation, at, stops, number):
    options = ["--accumulation", accumulation]
    run_here(tmp_path / "whole", *options)
    interrupted = run_here(tmp_path / "parts", *options, "--signal-at", at, "--signal", int(number))
    assert interrupted == [*range(1, stops + 1), ("exit", 128 + number)]
    assert run_here(tmp_path / "parts", *options) == list(range(stops + 1, 19))
    assert_equal_runs(tmp_path / "whole", tmp_path / "parts")


def test_interrupt_in_the_last_epoch_lets_a_complete_run_finish(tmp_path):
    before = signal.getsignal(signal.SIGINT)  # ignored where the tests run in the background of a shell
    assert run_here(tmp_path, "--signal-at", 18) == list(range(1, 19))
    assert signal.getsignal(signal.SIGINT) is before


def test_signals_are_left_alone_off_the_main_thread(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    seen = []
    trainer = toy_trainer(parse([str(tmp_path), "--epochs", "1"]))
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: seen.append(signal.getsignal(signal.SIGTERM)))
    thread = threading.Thread(target=trainer.run)
    thread.start()
    thread.join()
    assert seen == [before] * 6


@pytest.mark.slow
def test_second_interrupt_aborts_at_once(tmp_path):
    text = run(tmp_path, "--signal-at", 8, 8, code=-signal.SIGINT)
    assert iterations(text)[-1] == 7
    assert "KeyboardInterrupt" in text
    assert read_checkpoint(tmp_path / "models" / "last.ckpt")["iteration"] == 6  # the end of the first epoch


@pytest.mark.slow
def test_killed_run_loses_at_most_the_work_since_the_last_checkpoint(whole, tmp_path):
    chance = random.Random(0)
    reached = 0
    for _ in range(2):
        reached = kill_once(tmp_path, chance.uniform(0.0, 0.15), reached)
    run_here(tmp_path)
    assert_equal_runs(whole, tmp_path)


def kill_once(folder, seconds, reached, every=2):
    """Kill a run some time after its first new iteration; return how far the readable file that it left is."""
    process = start(folder, "--save-every", every, "--delay", 0.01)
    for line in process.stdout:
        if line.startswith("done"):
            break
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    done = [int(line.split()[1]) for line in process.communicate()[0].splitlines() if line.startswith("done")]
    last = folder / "models" / "last.ckpt"
    saved = read_checkpoint(last)["iteration"] if last.exists() else 0
    assert saved >= max([reached, *(number - every for number in done)])
    return saved


def test_finished_run_is_not_trained_again_and_afresh_keeps_what_was(tmp_path, caplog):
    caplog.set_level("INFO")
    run_here(tmp_path)
    before = (tmp_path / "models" / "model.pt").read_bytes()
    assert run_here(tmp_path) == []
    assert "this run is finished: all 3 epochs are done; give a larger --max_epochs to go on, or --res" in caplog.text
    assert (tmp_path / "models" / "model.pt").read_bytes() == before
    assert run_here(tmp_path, "--fingerprint", "b" * 64, "--epochs", 1) == list(range(1, 7))
    assert "starting afresh: other data or another configuration" in caplog.text
    assert (tmp_path / "models" / "model.aaaaaaaa.pt").read_bytes() == before
    assert read_checkpoint(tmp_path / "models" / "last.aaaaaaaa.ckpt")["iteration"] == 18
    assert run_here(tmp_path, "--fingerprint", "b" * 64, "--epochs", 1, "--afresh") == list(range(1, 7))
    assert "starting afresh: resume is false" in caplog.text
    assert "in the place of what was kept" not in caplog.text
    assert run_here(tmp_path, "--fingerprint", "b" * 64, "--epochs", 1, "--afresh") == list(range(1, 7))
    assert "model.bbbbbbbb.pt, in the place of what was kept under these names)" in caplog.text


def test_run_that_begins_from_weights_is_trained_again_and_keeps_one_step_back(tmp_path, caplog):
    models = tmp_path / "models"
    models.mkdir()
    (models / "model.pt").write_bytes(b"downloaded")
    assert run_here(tmp_path, "--from-weights", "--epochs", 1) == list(range(1, 7))
    assert (models / "model.previous.pt").read_bytes() == b"downloaded"
    first = (models / "model.pt").read_bytes()
    assert run_here(tmp_path, "--from-weights", "--epochs", 1) == list(range(1, 7))
    assert "starting afresh: the former run on these data is finished" in caplog.text
    assert (models / "model.previous.pt").read_bytes() == first
    assert run_here(tmp_path, "--from-weights", "--epochs", 1, "--fingerprint", "b" * 64) == list(range(1, 7))
    assert sorted(path.name for path in models.iterdir()) == ["last.ckpt", "model.previous.pt", "model.pt"]


def test_weights_that_came_from_elsewhere_are_kept_and_not_begun_from(tmp_path, caplog):
    caplog.set_level("INFO")
    models, alone = tmp_path / "models", tmp_path / "alone"
    models.mkdir()
    (models / "model.pt").write_bytes(b"shipped")
    (models / "temperature.json").write_bytes(b"{}")
    run_here(tmp_path, "--epochs", 1)
    assert (models / "model.previous.pt").read_bytes() == b"shipped"
    write_json(models / "temperature.json", {"temperature": 1.5})
    assert (models / "temperature.previous.json").read_bytes() == b"{}"
    assert "starting anew, not from the weights in the folder of checkpoints" in caplog.text
    run_here(alone, "--epochs", 1)
    assert (models / "model.pt").read_bytes() == (alone / "models" / "model.pt").read_bytes()
    assert not (alone / "models" / "model.previous.pt").exists()
    run_here(tmp_path, "--epochs", 2)  # goes on: what is there now is this run's own
    assert (models / "model.previous.pt").read_bytes() == b"shipped"


def test_run_that_begins_from_weights_and_was_stopped_goes_on(tmp_path):
    trainer = toy_trainer(parse([str(tmp_path), "--from-weights", "--epochs", "2"]))
    trainer.add_event_handler(Events.ITERATION_STARTED(once=7), lambda: trainer.terminate(skip_completed=True))
    trainer.run()
    assert run_here(tmp_path, "--from-weights", "--epochs", 2)[-1] == 12
    assert not (tmp_path / "models" / "model.previous.pt").exists()


def test_more_epochs_continue_a_finished_run(tmp_path):
    run_here(tmp_path, "--epochs", 1)
    assert run_here(tmp_path, "--epochs", 2) == list(range(7, 13))


def test_a_temperature_goes_with_its_weights(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"first")
    (tmp_path / "temperature.json").write_bytes(b"{}")
    assert put_aside(tmp_path, "previous") == ["model.previous.pt", "temperature.previous.json"]
    (tmp_path / "model.pt").unlink()
    (tmp_path / "model.pt").write_bytes(b"second")
    (tmp_path / "temperature.json").unlink()
    assert put_aside(tmp_path, "previous") == ["model.previous.pt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.previous.pt", "model.pt"]


@pytest.mark.parametrize("validated", [True, False])
def test_weights_that_nothing_validated_have_no_temperature(tmp_path, monkeypatch, validated):
    models = tmp_path / "models"
    models.mkdir()
    (models / "temperature.json").write_bytes(b"{}")
    if not validated:
        monkeypatch.setattr(ValidationHandler, "__call__", lambda handler, engine: None)
    toy_trainer(parse([str(tmp_path), "--epochs", "1"])).run()
    assert (models / "temperature.json").exists() == validated
    assert (models / "model.pt").exists()


def test_put_aside_without_anything(tmp_path):
    assert put_aside(tmp_path, "former") == []
