import logging
import shutil

import pytest
from ignite.engine import Engine, Events
from torch import nn

from tools.handlers import estimate
from tools.handlers.estimate import Estimate, readable
from tools.handlers.resume import put_aside


def run(folder, iterations=6, epochs=3):
    engine = Engine(lambda engine, batch: None)
    Estimate(nn.Linear(1000, 1000, bias=False), str(folder / "models")).attach(engine)
    engine.run(range(iterations), max_epochs=epochs)
    return engine


def test_space_and_time_are_told(tmp_path, caplog, monkeypatch):
    clock = iter(range(0, 1000, 10))  # ten seconds from one look to the next
    monkeypatch.setattr(estimate.time, "perf_counter", lambda: next(clock))
    with caplog.at_level(logging.INFO):
        run(tmp_path)
    space, duration = (record.message for record in caplog.records if record.name == estimate.__name__)
    assert "1.0 M parameters; checkpoints need 0.02 GB on disk" in space
    assert duration.startswith("3.33 s an iteration: 14 iterations left take about 1 min")
    assert (tmp_path / "models").is_dir()


def test_a_disk_that_cannot_hold_the_checkpoints_is_refused_at_the_start(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=10_000_000)
    monkeypatch.setattr(estimate.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(OSError, match="need 0.03 GB while they are written, but .*models has 0.01 GB free; make room"):
        run(tmp_path)


@pytest.mark.parametrize("afresh", [False, True])
def test_checkpoints_that_will_be_replaced_count_unless_they_are_put_aside(tmp_path, monkeypatch, afresh):
    usage = shutil.disk_usage(tmp_path)._replace(free=20_000_000)
    monkeypatch.setattr(estimate.shutil, "disk_usage", lambda folder: usage)
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "last.ckpt").write_bytes(bytes(12_000_000))
    (folder / "model.pt").write_bytes(bytes(4_000_000))
    engine = Engine(lambda engine, batch: None)
    Estimate(nn.Linear(1000, 1000, bias=False), str(folder)).attach(engine)
    if not afresh:
        engine.run([0])
        return
    engine.add_event_handler(Events.STARTED, lambda: put_aside(folder, "former"))
    with pytest.raises(OSError, match="need 0.03 GB while they are written, but .*models has 0.02 GB free; make room"):
        engine.run([0])


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (29, "29 s"), (61, "1 min"), (11_100, "3 h 5 min")])
def test_durations_are_readable(seconds, text):
    assert readable(seconds) == text
