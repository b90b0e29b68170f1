"""RunSummary: facts of a run that completed, stopped or failed."""

import json

import pytest
import torch
from ignite.engine import Engine, Events

from tools.handlers import summary as module
from tools.handlers.summary import RunSummary
from tools.report.run_files import json_lines, write_text
from tools.report.sections.head import head


def engine_with(folder, **kwargs):
    """Return an engine of two epochs of two steps with a summary and no report."""
    engine = Engine(lambda engine, batch: batch)
    kwargs = {"report": False, **kwargs}
    RunSummary(folder, **kwargs).attach(engine)
    return engine


def summary_of(folder):
    """Return the summary written."""
    return json.loads((folder / "summary.json").read_text())


def write_history(folder, *dices):
    """Write validations with the given Dice."""
    lines = [{"kind": "validation", "epoch": i, "metrics": {"dice": d, "iou": i}} for i, d in enumerate(dices, 1)]
    write_text(folder / "history.jsonl", json_lines(lines))


def test_a_training_that_completed(tmp_path):
    write_history(tmp_path, 0.2, 0.7, 0.5)
    data = [{"image": "a", "phantom": True}]
    engine = engine_with(
        tmp_path, data=data, dataset="nsclc_radiomics", device="cpu", amp=True, seed=3, data_fingerprint="abc"
    )
    engine.run([0, 1], max_epochs=2)
    summary = summary_of(tmp_path)
    required = (
        "bundle version workflow dataset is_phantom metric metrics seconds device amp seed versions data_fingerprint"
    )
    assert set(required.split()) <= set(summary)
    assert summary["status"] == "completed"
    assert summary["metric"] == {"name": "dice", "best": 0.7, "epoch": 2}
    assert summary["metrics"] == {"dice": 0.7, "iou": 2.0}
    assert summary["is_phantom"] is True
    assert (summary["seed"], summary["amp"], summary["device"]) == (3, True, "cpu")
    assert summary["data_fingerprint"] == "abc"
    assert summary["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert (summary["epochs"], summary["iterations"]) == (2, 4)


def test_the_metric_is_that_of_the_epoch_whose_weights_are_kept(tmp_path):
    write_history(tmp_path, 0.2, 0.7, 0.5)  # "iou" is the number of the epoch here: the last one is kept
    engine_with(tmp_path, chosen_by="iou", data_fingerprint="x").run([0])
    assert summary_of(tmp_path)["metric"] == {"name": "dice", "best": 0.5, "epoch": 3}
    assert summary_of(tmp_path)["metrics"] == {"dice": 0.5, "iou": 3.0}


def test_real_data_is_not_a_phantom_and_no_validation_is_no_metric(tmp_path):
    engine_with(tmp_path, data_fingerprint="x", data=[{"image": "a"}]).run([0])
    assert summary_of(tmp_path)["is_phantom"] is False
    assert summary_of(tmp_path)["metric"] == {"name": "dice", "best": None, "epoch": None}


def test_an_evaluation_reports_the_metrics_of_its_engine(tmp_path):
    engine = engine_with(tmp_path, workflow="evaluate", split="validation")

    @engine.on(Events.ITERATION_COMPLETED)
    def score(engine):
        engine.state.metrics.update({"Dice": torch.tensor(0.25), "dice": 0.25, "rows": [1]})

    engine.run([0])
    assert summary_of(tmp_path)["metric"]["best"] == 0.25
    assert summary_of(tmp_path)["metrics"] == {"dice": 0.25}
    assert summary_of(tmp_path)["split"] == "validation"
    assert any("validation part" in part for part in head("title", summary_of(tmp_path)))


def test_a_failure_is_recorded_and_raised(tmp_path):
    engine = engine_with(tmp_path)

    @engine.on(Events.ITERATION_COMPLETED(once=2))
    def fail(engine):
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        engine.run([0, 1], max_epochs=2)
    assert summary_of(tmp_path)["status"] == "failed"
    assert summary_of(tmp_path)["reason"] == "RuntimeError: the disk is full"


def test_an_interrupt_is_recorded(tmp_path):
    engine = engine_with(tmp_path)
    engine.add_event_handler(Events.ITERATION_COMPLETED(once=1), lambda e: e.terminate(skip_completed=True))
    engine.run([0, 1], max_epochs=2)
    assert summary_of(tmp_path)["status"] == "stopped"
    assert "resumes" in summary_of(tmp_path)["reason"]


def test_an_early_stop_is_a_completed_run_with_a_reason(tmp_path):
    engine = engine_with(tmp_path)

    @engine.on(Events.EPOCH_COMPLETED(once=1))
    def stop(engine):
        engine.state.stop_reason = "no improvement"
        engine.terminate()

    engine.run([0, 1], max_epochs=5)
    assert (summary_of(tmp_path)["status"], summary_of(tmp_path)["reason"]) == ("completed", "no improvement")


def test_a_run_that_has_nothing_to_do_leaves_the_summary_alone(tmp_path):
    engine_with(tmp_path, seed=1).run([0])
    again = engine_with(tmp_path, seed=2)
    again.add_event_handler(Events.STARTED, lambda e: e.terminate(skip_completed=True))
    again.run([0])
    assert summary_of(tmp_path)["seed"] == 1


def test_an_exit_code_passes_through(tmp_path):
    engine = engine_with(tmp_path)

    def leave(engine):
        raise SystemExit(130)

    engine.add_event_handler(Events.ITERATION_COMPLETED, leave)
    with pytest.raises(SystemExit, match="130"):
        engine.run([0])
    assert not (tmp_path / "summary.json").exists()


def test_a_summary_that_cannot_be_written_does_not_hide_the_failure(tmp_path, caplog):
    folder = tmp_path / "file"
    folder.write_text("not a folder")
    engine = engine_with(folder)
    engine.add_event_handler(Events.ITERATION_COMPLETED, lambda e: 1 / 0)
    with pytest.raises(ZeroDivisionError, match="division"):
        engine.run([0])
    assert "No summary of the failed run" in caplog.text


def test_the_configuration_of_the_bundle_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_running_bundle", lambda: ({"bundle": "aura_v3", "version": "1.2.3"}, {"lr": "$1e-3"}))
    engine_with(tmp_path).run([0])
    assert json.loads((tmp_path / "config.json").read_text()) == {"lr": "$1e-3"}
    assert summary_of(tmp_path)["bundle"] == "aura_v3"
    assert summary_of(tmp_path)["version"] == "1.2.3"


def test_the_fingerprint_is_computed_from_the_data(tmp_path, caplog):
    (tmp_path / "a.nii").write_bytes(b"1")
    engine_with(tmp_path, data=[{"image": str(tmp_path / "a.nii")}]).run([0])
    first = summary_of(tmp_path)["data_fingerprint"]
    (tmp_path / "a.nii").write_bytes(b"2")
    engine_with(tmp_path, data=[{"image": str(tmp_path / "a.nii")}]).run([0])
    assert first != summary_of(tmp_path)["data_fingerprint"]
    engine_with(tmp_path, data=[{"image": str(tmp_path / "gone.nii")}]).run([0])
    assert summary_of(tmp_path)["data_fingerprint"] is None
    assert "has no fingerprint" in caplog.text


def test_a_report_that_cannot_be_built_is_a_warning(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(__import__("sys").modules, "tools.report.report", None)
    engine_with(tmp_path, report=True).run([0])
    assert "The report could not be built" in caplog.text


def test_other_ranks_write_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("ignite.distributed.get_rank", lambda: 1)
    engine_with(tmp_path).run([0])
    assert not (tmp_path / "summary.json").exists()


def test_a_run_that_is_refused_leaves_the_folder_of_another_alone(tmp_path):
    engine = Engine(lambda engine, batch: None)
    engine.add_event_handler(Events.STARTED, lambda: (_ for _ in ()).throw(RuntimeError("locked by another run")))
    RunSummary(tmp_path).attach(engine)
    with pytest.raises(RuntimeError, match="locked by another run"):
        engine.run([0])
    assert not list(tmp_path.iterdir())
