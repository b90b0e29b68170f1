import math

import pytest
import torch
from ignite.engine import Engine, Events

from tools.handlers.early_stop import EarlyStop
from tools.handlers.handler_states import load_states, save_states


def run(scores, patience=2, states=None, target=None):
    validator = Engine(lambda engine, batch: None)
    validator.state.key_metric_name = "val_dice"
    trainer = Engine(lambda engine, batch: None)
    EarlyStop(validator, patience=patience, target=target).attach(trainer)
    if states:
        load_states(trainer, states)

    def validate(engine):
        validator.state.metrics = {"val_dice": torch.tensor(scores[engine.state.epoch - 1])}
        validator.run([0])

    trainer.add_event_handler(Events.EPOCH_COMPLETED, validate)
    trainer.run([0], max_epochs=len(scores))
    return trainer


def test_stops_after_patience_without_improvement_and_says_why():
    trainer = run([0.1, 0.5, 0.4, 0.5, 0.6, 0.7])
    assert trainer.state.epoch == 4
    assert trainer.state.stop_reason == "val_dice has not improved on 0.5000 in 2 validations"


def test_goes_on_while_it_improves():
    trainer = run([0.1, 0.2, 0.2, 0.3, 0.3, 0.4])
    assert trainer.state.epoch == 6
    assert not hasattr(trainer.state, "stop_reason")


def test_nan_is_no_improvement():
    assert run([0.5, math.nan, math.nan, 0.9]).state.epoch == 3


@pytest.mark.parametrize(("target", "epochs"), [(0.6, 3), (0.61, 4), (0.9, 5)])
def test_stops_where_the_target_is_reached(target, epochs):
    trainer = run([0.1, 0.2, 0.6, 0.7, 0.7], target=target)
    assert trainer.state.epoch == epochs
    reason = getattr(trainer.state, "stop_reason", "")
    assert reason == (
        "" if epochs == 5 else f"val_dice is {0.6 if epochs == 3 else 0.7:.4f}, at least {target} was wanted"
    )


def test_patience_goes_on_after_resume():
    states = save_states(run([0.5, 0.4]))
    assert states == {"early_stop": {"counter": 1, "best_score": 0.5, "threshold_mode": "abs"}}
    assert run([0.4, 0.9], states=states).state.epoch == 1


def test_state_unknown_to_the_checkpoint_begins_afresh(caplog):
    trainer = Engine(lambda engine, batch: None)
    EarlyStop(trainer).attach(trainer)
    load_states(trainer, {})
    assert "has no state of early_stop" in caplog.text


def test_patience_must_be_positive():
    with pytest.raises(ValueError, match="patience must be at least 1 validation, got 0"):
        EarlyStop(Engine(lambda engine, batch: None), patience=0)
