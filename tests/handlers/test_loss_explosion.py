import math

import pytest
import torch
from ignite.engine import Engine, Events

from tools.handlers.loss_explosion import LossExplosion
from tools.schedules.warmup_cosine import WarmupCosineLR


def scheduler(epochs=40):
    weight = torch.nn.Parameter(torch.zeros(1))
    return WarmupCosineLR(torch.optim.SGD([weight], lr=1.0), max_epochs=epochs, warmup_epochs=0)


def run(losses, *, handler=None, guarded=True, **options):
    """Run one epoch of two iterations for each of ``losses``; return trainer, handler and rate after each epoch."""
    schedule = scheduler()
    handler = handler or LossExplosion(schedule, **options)
    handler.lr_scheduler = schedule

    def step(engine, batch):
        loss = losses[engine.state.epoch - 1]
        loss = loss[batch] if isinstance(loss, tuple) else loss
        engine.state.step_skipped = False
        if guarded:
            engine.state.step_skipped = math.isnan(loss)
            engine.state.loss_value = loss
        return {"loss": torch.tensor(loss)}

    trainer = Engine(step)
    trainer.state.device = torch.device("cpu")
    rates = []
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: schedule.optimizer.step())
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: schedule.step())
    handler.attach(trainer)
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: rates.append(schedule.get_last_lr()[0]))
    trainer.run([0, 1], max_epochs=len(losses))
    return trainer, handler, rates


@pytest.mark.parametrize("guarded", [True, False])
def test_three_bad_epochs_in_a_row_halve_the_rate(guarded):
    trainer, handler, rates = run([11.0, 12.0, 13.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], guarded=guarded)
    assert handler.reductions == 1
    assert rates[1] > 0.9
    assert rates[2] == pytest.approx(0.05)  # a tenth of half the rate: the new warm-up begins
    assert max(rates[3:]) == pytest.approx(0.5)
    assert rates.index(max(rates[3:])) == 7  # after five epochs of warm-up
    assert trainer.state.epoch == 9


def test_two_bad_epochs_and_a_good_one_change_nothing():
    assert run([11.0, 12.0, 9.9] * 3)[1].reductions == 0


def test_training_stops_after_the_third_reduction(caplog):
    trainer, handler, _ = run([50.0] * 20)
    assert handler.reductions == 3
    assert trainer.state.epoch == 9
    assert "exploded 3 times" in trainer.state.stop_reason
    assert "Begin afresh with a lower learning rate" in caplog.text


def test_skipped_steps_do_not_count():
    _, handler, _ = run([11.0, 11.0, math.nan, 11.0, 1.0])
    assert handler.reductions == 1  # the epoch without a step is no verdict
    assert run([(11.0, math.nan)] * 3)[1].reductions == 1


def test_state_goes_on_in_another_run():
    _, handler, _ = run([11.0, 11.0])
    resumed = LossExplosion(scheduler())
    resumed.load_state_dict(handler.state_dict())
    assert run([11.0], handler=resumed)[1].reductions == 1
    assert all(isinstance(value, int | float) for value in handler.state_dict().values())


def test_scheduler_must_be_able_to_restart():
    weight = torch.nn.Parameter(torch.zeros(1))
    other = torch.optim.lr_scheduler.StepLR(torch.optim.SGD([weight], lr=1.0), 1)
    with pytest.raises(TypeError, match="StepLR has none. Use tools.schedules.warmup_cosine.WarmupCosineLR"):
        LossExplosion(other)
    with pytest.raises(ValueError, match="patience and max_reductions must be at least 1, got 0 and 3"):
        LossExplosion(scheduler(), patience=0)
