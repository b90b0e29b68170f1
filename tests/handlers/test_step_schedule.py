"""A schedule is stepped after each epoch, a plateau after each validation with its score."""

import math

import pytest
import torch
from ignite.engine import Engine, Events

from tools.handlers.step_schedule import StepSchedule
from tools.schedules.schedule_named import schedule_named


def run(name, scores, every=1):
    """Train an epoch a score, validate after each ``every``-th; the rate that each epoch had."""
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    lr_scheduler = schedule_named(name, optimizer, max_epochs=len(scores), min_lr=0.0, factor=0.1, patience=0)
    validator = Engine(lambda engine, batch: None)
    validator.state.key_metric_name = "val_dice"
    seen = []
    trainer = Engine(lambda engine, batch: optimizer.step())
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda engine: seen.append(optimizer.param_groups[0]["lr"]))
    StepSchedule(lr_scheduler, validator).attach(trainer)

    def validate(engine):
        validator.state.metrics = {"val_dice": torch.tensor(scores[engine.state.epoch - 1])}
        validator.run([0])

    trainer.add_event_handler(Events.EPOCH_COMPLETED(every=every), validate)
    trainer.run([0], max_epochs=len(scores))
    return seen


def test_cosine_goes_down_whatever_the_score():
    assert run("cosine", [0.1] * 4, every=4) == pytest.approx([1.0, 0.8535534, 0.5, 0.1464466])


def test_plateau_waits_for_a_validation():
    assert run("plateau", [0.1, 0.2, 0.3, 0.2, 0.1]) == pytest.approx([1.0, 1.0, 1.0, 1.0, 0.1])
    assert run("plateau", [0.3, 0.3, 0.1, 0.1, 0.1], every=2) == pytest.approx([1.0, 1.0, 1.0, 1.0, 0.1])


def test_a_score_without_a_value_is_no_improvement():
    assert run("plateau", [0.5, math.nan, 0.6, 0.7]) == pytest.approx([1.0, 1.0, 0.1, 0.1])
