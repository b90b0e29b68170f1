import errno
import math
import random

import numpy as np
import pytest
import torch
from ignite.engine import Engine, Events
from torch import nn

from tests.handlers.test_stability_guard import assert_same
from tests.handlers.toy_run import ToyNetwork, parse, toy_trainer, toy_validator
from tools.handlers import random_state
from tools.handlers.checkpoint_file import read_checkpoint, remove_leftovers, write_checkpoint
from tools.handlers.checkpoints import Checkpoints, unwrapped


def trainer_with_scores(folder, scores, *options):
    """Toy trainer whose validation metric is given, by epoch."""
    trainer = toy_trainer(parse([str(folder), "--epochs", str(len(scores)), *options]))
    checkpoints = find(trainer)
    validator = checkpoints.validator
    original = checkpoints._keep_best

    def keep(engine):
        engine.state.metrics["val_score"] = scores[engine.state.epoch - 1]
        original(engine)

    validator.remove_event_handler(original, Events.COMPLETED)
    validator.add_event_handler(Events.COMPLETED, keep)
    return trainer, checkpoints


def find(trainer):
    handlers = trainer._event_handlers[Events.EPOCH_COMPLETED]
    return next(h.__self__ for h, _, _ in handlers if isinstance(getattr(h, "__self__", None), Checkpoints))


def test_model_is_the_best_not_the_last(tmp_path):
    trainer, checkpoints = trainer_with_scores(tmp_path, [0.2, 0.9, 0.5, math.nan])
    weights = {}
    trainer.add_event_handler(
        Events.EPOCH_COMPLETED,
        lambda e: weights.update({e.state.epoch: {k: v.clone() for k, v in e.network.state_dict().items()}}),
    )
    trainer.run()
    assert_same(dict(torch.load(tmp_path / "models" / "model.pt", weights_only=True)), weights[2])
    assert (checkpoints.best_metric, checkpoints.best_epoch) == (0.9, 2)
    assert_same(dict(read_checkpoint(tmp_path / "models" / "last.ckpt")["network"]), weights[4])


def test_best_metric_survives_a_resume(tmp_path):
    trainer_with_scores(tmp_path, [0.9])[0].run()
    best = (tmp_path / "models" / "model.pt").read_bytes()
    trainer, checkpoints = trainer_with_scores(tmp_path, [0.0, 0.5])
    trainer.run()
    assert trainer.state.epoch == 2
    assert (tmp_path / "models" / "model.pt").read_bytes() == best
    assert (checkpoints.best_metric, checkpoints.best_epoch) == (0.9, 1)
    assert checkpoints.validator.state.best_metric == 0.9
    trainer_with_scores(tmp_path, [0.0, 0.0, 0.95])[0].run()
    assert (tmp_path / "models" / "model.pt").read_bytes() != best


def test_run_that_stopped_early_is_finished(tmp_path, caplog):
    trainer = trainer_with_scores(tmp_path, [0.5, 0.5, 0.5])[0]

    @trainer.on(Events.STARTED)
    def soon():
        trainer.stateful_handlers["early_stop"].patience = 1
        trainer.state.stop_reason = "val_score has not improved"

    trainer.add_event_handler(Events.ITERATION_COMPLETED(once=6), lambda: trainer.terminate())
    trainer.run()
    find(trainer).save(trainer)
    again = trainer_with_scores(tmp_path, [0.5, 0.5, 0.5])[0]
    again.run()
    assert again.state.iteration == 6
    assert "this run is finished: val_score has not improved" in caplog.text


def test_scaler_is_saved_and_restored(tmp_path):
    def scaled(epochs):
        trainer = toy_trainer(parse([str(tmp_path), "--epochs", str(epochs)]))
        trainer.amp = True
        scales = []

        @trainer.on(Events.STARTED)
        def use(engine):
            engine.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8, growth_interval=3)

        started = trainer._event_handlers[Events.STARTED]
        started.insert(0, started.pop())
        trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda e: scales.append(e.scaler.get_scale()))
        trainer.run()
        return scales

    assert scaled(1)[-1] == 2.0**10  # two growths in six steps
    assert scaled(2)[0] == 2.0**10


def test_disk_full_is_told_and_leaves_the_former_file(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    write_checkpoint(path, {"iteration": 1})

    def full(content, file):
        file.write(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="the disk is full.*The former file is unchanged. Free some space") as caught:
        write_checkpoint(path, {"iteration": 2})
    assert caught.value.errno == errno.ENOSPC
    with pytest.raises(OSError, match="There was none before"):
        write_checkpoint(tmp_path / "model.pt", {})
    assert read_checkpoint(path) == {"iteration": 1}
    assert [child.name for child in tmp_path.iterdir()] == ["last.ckpt"]


def test_torchs_own_words_for_a_failed_write_are_a_full_disk_and_other_errors_pass(tmp_path, monkeypatch):
    texts = {
        "[enforce fail at inline_container.cc:672] . unexpected pos 704 vs 598": "the disk is full",
        "CUDA error: device-side assert triggered": "^CUDA error",
    }
    for text, message in texts.items():

        def fail(content, file, text=text):
            raise RuntimeError(text)

        monkeypatch.setattr(torch, "save", fail)
        with pytest.raises((OSError, RuntimeError), match=message):
            write_checkpoint(tmp_path / "last.ckpt", {})
    assert not list(tmp_path.iterdir())


def test_abort_while_writing_leaves_the_former_file(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    write_checkpoint(path, {"iteration": 1})

    def interrupted(content, file):
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint(path, {"iteration": 2})
    assert read_checkpoint(path) == {"iteration": 1}
    assert len(list(tmp_path.iterdir())) == 1


def test_damaged_file_is_told(tmp_path):
    (tmp_path / "last.ckpt").write_bytes(b"nothing of use")
    with pytest.raises(ValueError, match="last.ckpt cannot be read as a checkpoint.*--resume false"):
        read_checkpoint(tmp_path / "last.ckpt")


def test_damaged_checkpoint_stops_a_run_unless_it_begins_afresh(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "last.ckpt").write_bytes(b"")
    with pytest.raises(ValueError, match="cannot be read"):
        trainer_with_scores(tmp_path, [0.5])[0].run()
    trainer = trainer_with_scores(tmp_path, [0.5], "--afresh")[0]
    trainer.run()
    assert trainer.state.iteration == 6
    assert (tmp_path / "models" / "last.damaged.ckpt").exists()


def test_leftovers_of_killed_runs_are_removed(tmp_path):
    for name in (".last.ckpt.123.tmp", "last.ckpt", "notes.tmp"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "notes.tmp"]


def test_random_states_come_back():
    state = random_state.capture()
    write = [random.random(), np.random.rand(), float(torch.rand(1))]  # noqa: NPY002
    random_state.restore(state)
    assert write == [random.random(), np.random.rand(), float(torch.rand(1))]  # noqa: NPY002


def test_wrapped_networks_are_saved_bare():
    network = ToyNetwork()
    assert unwrapped(torch.compile(network)) is network
    assert unwrapped(network) is network


def test_without_a_validator_the_model_is_the_last(tmp_path):
    engine = Engine(lambda engine, batch: None)
    engine.state.rank, engine.scaler = 0, None
    network = nn.Linear(1, 1)
    Checkpoints(network, torch.optim.SGD(network.parameters()), tmp_path, "a", interrupt=False).attach(engine)
    engine.run([0], max_epochs=2)
    assert torch.load(tmp_path / "model.pt", weights_only=True).keys() == {"weight", "bias"}
    assert read_checkpoint(tmp_path / "last.ckpt")["epoch"] == 2


def test_wrong_arguments(tmp_path):
    network = ToyNetwork()
    optimizer = torch.optim.SGD(network.parameters())
    with pytest.raises(ValueError, match="save_every must be 0 or a number of iterations, got -1"):
        Checkpoints(network, optimizer, tmp_path, "a", save_every=-1)
    validator = toy_validator(network)
    validator.state.key_metric_name = None
    with pytest.raises(ValueError, match="no key metric to choose the best weights by"):
        Checkpoints(network, optimizer, tmp_path, "a", validator=validator).attach(toy_validator(network))


def test_a_run_without_a_usable_validation_leaves_its_last_weights(tmp_path, caplog):
    trainer, _ = trainer_with_scores(tmp_path, [math.nan, math.nan])
    trainer.run()
    weights = dict(torch.load(tmp_path / "models" / "model.pt", weights_only=True))
    assert_same(weights, dict(trainer.network.state_dict()))
    assert "or none was due (val_interval): model.pt holds the last weights" in caplog.text
