"""The weight of the KL follows the epoch, also after a resume in the middle of one."""

import pytest
from ignite.engine import Engine, Events

from tools.handlers.kl_warm_up import KLWarmUp
from tools.losses.aura_vae_loss import AuraVAELoss


def weights(warmup_epochs: int, epochs: int, begin: int = 0) -> list[float]:
    """The factor in each iteration of a run of two iterations an epoch, from iteration ``begin`` on."""
    loss, seen = AuraVAELoss(), []
    engine = Engine(lambda engine, batch: seen.append(loss.kl_factor))
    KLWarmUp(loss, warmup_epochs).attach(engine)

    def resume():
        engine.state.iteration, engine.state.epoch = begin, begin // 2

    engine.add_event_handler(Events.STARTED, resume)
    engine.run([0, 1], max_epochs=epochs)
    return seen


def test_rises_from_nothing_to_all():
    assert weights(4, 6) == [0.0, 0.0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 1.0, 1.0, 1.0, 1.0]


def test_without_a_warm_up_the_weight_is_full_at_once():
    assert weights(0, 2) == [1.0] * 4


@pytest.mark.parametrize("begin", [4, 5])
def test_a_resumed_run_has_the_weights_of_an_uninterrupted_one(begin):
    assert weights(4, 6, begin) == weights(4, 6)[begin:]


def test_refuses_a_negative_length():
    with pytest.raises(ValueError, match="warmup_epochs must be at least 0, got -1"):
        KLWarmUp(AuraVAELoss(), -1)
