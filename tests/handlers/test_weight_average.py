"""The average of the weights: its formula, where it is used, where it is not, and that a run resumes with it."""

import pytest
import torch
from ignite.engine import Engine, Events

from tests.handlers.toy_run import ToyNetwork, parse, toy_trainer
from tools.handlers.checkpoint_file import read_checkpoint
from tools.handlers.handler_states import load_states, save_states
from tools.handlers.weight_average import WeightAverage


class Run:
    """A network whose one weight is the number of the iteration."""

    def __init__(self, decay=0.5, accumulation=1, states=None, warm_up=False):
        self.network = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.BatchNorm1d(1))
        self.network[0].weight.data.fill_(-7.0)
        self.validated = []
        self.validator = Engine(lambda engine, batch: self.validated.append(self.values()))
        self.trainer = Engine(self.step)
        self.trainer.accumulation_steps = accumulation
        self.average = WeightAverage(self.network, self.validator, decay, warm_up)
        self.average.attach(self.trainer)
        if states:
            load_states(self.trainer, states)
        self.trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda engine: self.validator.run([0]))

    def step(self, engine, batch):
        self.network[0].weight.data.fill_(float(batch))
        self.network[1].running_mean.fill_(10.0 * batch)

    def values(self):
        return self.network[0].weight.item(), self.network[1].running_mean.item()


def test_the_average_is_validated_and_the_weights_are_trained():
    run = Run()
    run.trainer.run([1, 2, 3], max_epochs=1)
    weight = 0.5 * (0.5 * 1 + 0.5 * 2) + 0.5 * 3  # begins with 1, the weights after the first step
    assert run.validated == [pytest.approx((weight, 10 * weight))]
    assert run.values() == (3.0, 30.0)


def test_one_update_a_step_of_the_optimiser():
    run = Run(accumulation=2)
    run.trainer.run([1, 2, 3, 4], max_epochs=1)
    assert run.validated == [pytest.approx((3.0, 30.0))]  # of 2 and 4
    assert run.average.steps == 2


def test_weights_come_back_when_validation_fails():
    run = Run()
    run.validator.add_event_handler(Events.COMPLETED, lambda engine: 1 / 0)
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        run.trainer.run([1, 3], max_epochs=1)
    assert run.validated == [pytest.approx((2.0, 20.0))]
    assert run.values() == (3.0, 30.0)


def test_before_any_step_the_network_itself_is_validated():
    run = Run()
    run.validator.run([0])
    assert run.validated == [(-7.0, 0.0)]


def test_a_saved_average_goes_on():
    whole, first = Run(), Run()
    whole.trainer.run([1, 2, 3, 4], max_epochs=1)
    first.trainer.run([1, 2], max_epochs=1)
    second = Run(states=save_states(first.trainer))
    second.trainer.run([3, 4], max_epochs=1)
    assert second.validated == whole.validated


def test_a_warm_up_forgets_the_beginning_of_a_short_training():
    values = list(range(1, 31))
    run = Run(decay=0.998, warm_up=True)
    run.trainer.run(values, max_epochs=1)
    weight = 1.0
    for step, value in enumerate(values, start=1):
        share = min(0.998, (1 + step) / (10 + step))
        weight = share * weight + (1 - share) * value
    assert run.validated == [pytest.approx((weight, 10 * weight), rel=1e-5)]
    assert weight > 25
    plain = Run(decay=0.998)
    plain.trainer.run(values, max_epochs=1)
    assert plain.validated[0][0] < 2


def test_a_warm_up_ends_with_the_decay_itself_and_goes_on_after_a_resume():
    whole, first = Run(warm_up=True), Run(warm_up=True)
    whole.trainer.run([1, 2, 3, 4] * 5, max_epochs=1)
    assert whole.trainer.state.weight_average_momentum == 0.5
    first.trainer.run([1, 2], max_epochs=1)
    second = Run(states=save_states(first.trainer), warm_up=True)
    second.trainer.run([3, 4, *[1, 2, 3, 4] * 4], max_epochs=1)
    assert second.validated == whole.validated


def test_optimiser_and_buffers_keep_their_tensors():
    run = Run()
    before = [id(tensor) for tensor in (*run.network.parameters(), *run.network.buffers())]
    run.trainer.run([1, 2], max_epochs=2)
    assert [id(tensor) for tensor in (*run.network.parameters(), *run.network.buffers())] == before


@pytest.mark.parametrize("decay", [0, 1, 1.5])
def test_a_decay_that_is_no_share(decay):
    with pytest.raises(ValueError, match=f"decay must be between 0 and 1, got {decay}"):
        WeightAverage(ToyNetwork(), Engine(lambda engine, batch: None), decay)


def test_best_weights_are_the_average_and_the_last_ones_are_not(tmp_path):
    """In a whole training with guard, early stop and checkpoints."""
    trainer = toy_trainer(parse([str(tmp_path), "--epochs", "2"]))
    validation = next(
        h for handlers in trainer._event_handlers.values() for h, *_ in handlers if hasattr(h, "validator")
    )
    average = WeightAverage(trainer.network, validation.validator, decay=0.9)
    average.attach(trainer)
    trainer.run()
    best = torch.load(tmp_path / "models" / "model.pt", weights_only=True)
    last = read_checkpoint(tmp_path / "models" / "last.ckpt")
    kept = last["handlers"]["weight_average"]
    assert kept["steps"] == 12
    assert not torch.equal(last["network"]["0.weight"], best["0.weight"])
    assert torch.equal(last["network"]["0.weight"], trainer.network[0].weight)
    if last["best_epoch"] == 2:
        assert torch.equal(best["0.weight"], kept["average"]["0.weight"])
