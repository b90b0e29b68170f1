import logging
import re
import sys

from ignite.engine import Events

from tests.handlers.toy_run import parse, toy_trainer
from tools.handlers.progress import Progress


def find_validator(trainer):
    handlers = trainer._event_handlers[Events.EPOCH_COMPLETED]
    return next(h.__self__.validator for h, _, _ in handlers if isinstance(getattr(h, "__self__", None), Progress))


def test_one_line_an_epoch_where_there_is_no_terminal(tmp_path, caplog, capsys):
    caplog.set_level(logging.INFO, logger="tools.handlers.progress")
    trainer = toy_trainer(parse([str(tmp_path), "--epochs", "2"]), faults={0: "image"})
    validator = find_validator(trainer)
    validator.add_event_handler(Events.COMPLETED, lambda: validator.state.metrics.update({"n_patients": 3}))
    trainer.run()
    lines = [record.message for record in caplog.records if record.name == "tools.handlers.progress"]
    assert [line.split(":")[0] for line in lines] == ["epoch 1 of 2", "epoch 2 of 2"]
    whole = r"epoch 1 of 2: loss 0\.\d{4}, lr 1\.00e-03, val_score -0\.\d{4}, 1 steps skipped so far, \d+\.\d s"
    assert re.fullmatch(whole, lines[0])  # the rate that the epoch used, and no metric but the key one
    assert "%|" not in capsys.readouterr().err


def test_another_metric_than_the_key_one(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="tools.handlers.progress")
    trainer = toy_trainer(parse([str(tmp_path), "--epochs", "1"]))
    validator = find_validator(trainer)
    validator.add_event_handler(Events.COMPLETED, lambda: validator.state.metrics.update({"auc": 0.75}))
    Progress(validator, metric="auc").attach(trainer)
    trainer.run()
    line = [record.message for record in caplog.records if record.name == "tools.handlers.progress"][-1]
    assert ", auc 0.7500, " in line
    assert "val_score" not in line


def test_an_epoch_that_was_resumed_within_says_so(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="tools.handlers.progress")
    stopped = toy_trainer(parse([str(tmp_path), "--epochs", "2", "--save-every", "1"]))
    stopped.add_event_handler(Events.ITERATION_STARTED(once=9), lambda: stopped.terminate(skip_completed=True))
    stopped.run()
    toy_trainer(parse([str(tmp_path), "--epochs", "2"])).run()
    first, rest = [record.message for record in caplog.records if record.name == "tools.handlers.progress"]
    assert "resumed" not in first
    assert re.fullmatch(r"epoch 2 of 2: loss 0\.\d{4}, .* s, resumed after 2 of 6 batches", rest)


def test_bars_on_a_terminal(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    toy_trainer(parse([str(tmp_path), "--epochs", "1"])).run()
    shown = capsys.readouterr().err
    assert "100%|" in shown
    assert "Validation" in shown
    assert "loss=" in shown
