"""History: one line an epoch, none twice after a resume, no step that waits for a number."""

import math

import pytest
import torch
from ignite.engine import Engine, Events
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from torch import nn

from tools.handlers.history import History
from tools.report.run_files import read_json_lines


def trainer_of(folder, epochs=2, losses=None, **kwargs):
    """Return a trainer of two steps an epoch that keeps a history."""
    network = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.25)
    given = iter(losses) if losses is not None else None

    def loss_function(prediction, label):
        loss = (prediction - label).square().mean()
        return loss if given is None else loss * 0 + next(given)

    batches = [{"image": torch.ones(3, 1), "label": torch.ones(3, 1)}] * 2
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=epochs,
        train_data_loader=batches,
        network=network,
        optimizer=optimizer,
        loss_function=loss_function,
        train_handlers=[History(folder, optimizer, **kwargs)],
    )
    return trainer


def lines_of(folder):
    """Return the history."""
    return read_json_lines(folder / "history.jsonl")


def test_an_epoch_is_a_line(tmp_path):
    trainer_of(tmp_path, losses=[1.0, 3.0, 5.0, 5.0], tensorboard=False).run()
    first, second = lines_of(tmp_path)
    assert first["kind"] == "train"
    assert (first["epoch"], first["iteration"], first["iterations"]) == (1, 2, 2)
    assert (first["loss"], first["loss_min"], first["loss_max"]) == (2.0, 1.0, 3.0)
    assert first["lr"] == 0.25
    assert first["grad_norm"] is None
    assert first["seconds"] >= 0
    assert first["samples_per_second"] > 0
    assert second["loss"] == 5.0


def test_parts_of_the_loss_are_averaged_one_by_one(tmp_path):
    trainer = trainer_of(tmp_path, epochs=2)
    plain = trainer.loss_function

    class InParts(nn.Module):
        calls = 0

        def forward(self, prediction, label):
            self.calls += 1
            one = math.nan if self.calls == 3 else float(self.calls)
            self.parts = {"loss_one": torch.tensor(one), "weight": 0.5}
            return plain(prediction, label)

    trainer.loss_function = InParts()
    trainer.run()
    first, second = lines_of(tmp_path)
    assert (first["loss_one"], first["weight"]) == (1.5, 0.5)
    assert second["loss_one"] == 4.0, "what is not finite is left out"


def test_what_is_not_finite_is_counted_and_kept_out_of_the_mean(tmp_path):
    trainer_of(tmp_path, epochs=1, losses=[math.nan, 3.0], tensorboard=False).run()
    (line,) = lines_of(tmp_path)
    assert line["loss"] == 3.0
    assert line["nonfinite_losses"] == 1


def test_values_of_a_guard_are_used(tmp_path):
    trainer = trainer_of(tmp_path, epochs=1, tensorboard=False)

    @trainer.on(Events.ITERATION_COMPLETED)
    def guard(engine):
        engine.state.incidents = engine.state.iteration

    @trainer.on(Events.ITERATION_STARTED)
    def values(engine):
        engine.state.loss_value = 7.0
        engine.state.grad_norm = float(engine.state.iteration)

    trainer.run()
    (line,) = lines_of(tmp_path)
    assert line["loss"] == 7.0
    assert (line["grad_norm"], line["grad_norm_max"]) == (1.5, 2.0)
    assert line["incidents"] == 2


def test_a_new_run_starts_a_new_file_and_a_resumed_one_goes_on(tmp_path):
    trainer_of(tmp_path, epochs=3, losses=[1.0] * 6, tensorboard=False).run()
    resumed = trainer_of(tmp_path, epochs=4, losses=[9.0] * 4, tensorboard=False)

    @resumed.on(Events.STARTED)
    def resume(engine):
        engine.state.epoch, engine.state.iteration = 2, 4

    resumed.run()
    assert [(line["epoch"], line["loss"]) for line in lines_of(tmp_path)] == [(1, 1), (2, 1), (3, 9), (4, 9)]
    trainer_of(tmp_path, epochs=1, losses=[2.0] * 2, tensorboard=False).run()
    assert [(line["epoch"], line["loss"]) for line in lines_of(tmp_path)] == [(1, 2)]


def test_an_epoch_resumed_within_says_how_many_iterations_its_numbers_cover(tmp_path):
    trainer_of(tmp_path, epochs=1, losses=[1.0] * 2, tensorboard=False).run()
    resumed = trainer_of(tmp_path, epochs=2, losses=[9.0], tensorboard=False)

    @resumed.on(Events.STARTED)
    def resume(engine):
        engine.state.epoch, engine.state.iteration = 1, 3

    resumed.run()
    assert [(line["epoch"], line["iteration"], line["iterations"]) for line in lines_of(tmp_path)] == [
        (1, 2, 2),
        (2, 4, 1),
    ]


def test_half_a_line_of_a_killed_run_does_not_spoil_the_next(tmp_path):
    trainer_of(tmp_path, epochs=1, losses=[1.0] * 2, tensorboard=False).run()
    with open(tmp_path / "history.jsonl", "a", encoding="utf-8") as file:
        file.write('{"kind": "train", "epo')
    resumed = trainer_of(tmp_path, epochs=3, losses=[9.0] * 4, tensorboard=False)

    @resumed.on(Events.STARTED)
    def resume(engine):
        engine.state.epoch, engine.state.iteration = 1, 2

    resumed.run()
    assert [line["epoch"] for line in lines_of(tmp_path)] == [1, 2, 3]


def test_validation_lines_carry_the_epoch_of_the_training(tmp_path):
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=[{"image": torch.ones(1, 1), "label": torch.ones(1, 1)}],
        network=nn.Linear(1, 1),
        val_handlers=[History(tmp_path, tensorboard=False)],
    )

    @evaluator.on(Events.ITERATION_COMPLETED)
    def score(engine):
        engine.state.metrics.update({"dice": torch.tensor(0.5), "n_patients": 3, "table": [1, 2]})

    evaluator.run(7)
    (line,) = lines_of(tmp_path)
    assert line["kind"] == "validation"
    assert line["epoch"] == 7
    assert line["metrics"] == {"dice": 0.5, "n_patients": 3.0}


def test_losses_stay_tensors_until_the_epoch_ends(tmp_path):
    history = History(tmp_path, tensorboard=False)
    engine = Engine(lambda engine, batch: None)
    engine.state.output, engine.state.batch = [{"loss": torch.tensor(2.0, requires_grad=True)}], [{}, {}]
    history._collect(engine)
    assert isinstance(history.losses[0], torch.Tensor)
    assert not history.losses[0].requires_grad
    assert history.samples == 2


def test_tensorboard_reads_the_same_values(tmp_path):
    trainer_of(tmp_path, losses=[1.0, 3.0, 5.0, 5.0]).run()
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [event.value for event in events.Scalars("train/loss")] == [2.0, 5.0]


def test_all_validations_share_one_tensorboard_file(tmp_path):
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=[{"image": torch.ones(1, 1), "label": torch.ones(1, 1)}],
        network=nn.Linear(1, 1),
        val_handlers=[History(tmp_path)],
    )
    evaluator.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: engine.state.metrics.update({"dice": 0.5}))
    for epoch in (1, 2, 3):
        evaluator.run(epoch)
    assert len(list((tmp_path / "tensorboard").iterdir())) == 1
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("validation/dice")] == [1, 2, 3]


def test_without_tensorboard_it_says_so_once(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    trainer_of(tmp_path, losses=[1.0, 3.0, 5.0, 5.0]).run()
    assert caplog.text.count("TensorBoard is not installed") == 1
    assert len(lines_of(tmp_path)) == 2


def test_other_ranks_write_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("ignite.distributed.get_rank", lambda: 1)
    trainer_of(tmp_path).run()
    assert not (tmp_path / "history.jsonl").exists()


def test_the_learning_rate_is_the_one_that_was_used(tmp_path):
    trainer = trainer_of(tmp_path, losses=[1.0] * 4, tensorboard=False)
    schedule = torch.optim.lr_scheduler.ExponentialLR(trainer.optimizer, 0.5)
    trainer.add_event_handler(Events.ITERATION_COMPLETED(every=2), lambda engine: schedule.step())
    trainer.run()
    assert [line["lr"] for line in lines_of(tmp_path)] == [0.25, 0.125]
