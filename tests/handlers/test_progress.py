import logging
import sys

from tests.handlers.toy_run import parse, toy_trainer


def test_one_line_an_epoch_where_there_is_no_terminal(tmp_path, caplog, capsys):
    caplog.set_level(logging.INFO, logger="tools.handlers.progress")
    toy_trainer(parse([str(tmp_path), "--epochs", "2"]), faults={0: "image"}).run()
    lines = [record.message for record in caplog.records if record.name == "tools.handlers.progress"]
    assert [line.split(":")[0] for line in lines] == ["epoch 1 of 2", "epoch 2 of 2"]
    assert "loss 0." in lines[0]
    assert "val_score -0." in lines[0]
    assert "1 steps skipped so far" in lines[0]
    assert "%|" not in capsys.readouterr().err


def test_bars_on_a_terminal(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    toy_trainer(parse([str(tmp_path), "--epochs", "1"])).run()
    shown = capsys.readouterr().err
    assert "100%|" in shown
    assert "Validation" in shown
    assert "loss=" in shown
