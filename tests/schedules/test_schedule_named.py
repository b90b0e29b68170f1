"""Each name is its schedule: the rates it gives, and that it can be saved, resumed and lowered."""

import io

import pytest
import torch

from tools.schedules.schedule_named import SCHEDULES, schedule_named


def schedule(name, **options):
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=5e-5)
    return schedule_named(name, optimizer, max_epochs=10, warmup_epochs=4, patience=1, **options)


def rates(lr_scheduler, scores=(0.1,) * 10):
    """The rate of each epoch, and the one after the last."""
    group = lr_scheduler.optimizer.param_groups[0]
    seen = [group["lr"]]
    for score in scores:
        lr_scheduler.optimizer.step()
        lr_scheduler.step(*([score] if "Plateau" in type(lr_scheduler).__name__ else []))
        seen.append(group["lr"])
    return seen


def test_cosine_begins_with_the_full_rate_and_ends_with_the_lowest():
    seen = rates(schedule("cosine"))
    assert seen[0] == 5e-5
    assert seen[5] == pytest.approx((5e-5 + 1e-6) / 2)
    assert seen[10] == pytest.approx(1e-6)
    assert seen == sorted(seen, reverse=True)


def test_warmup_cosine_climbs_from_a_tenth_first():
    seen = rates(schedule("warmup_cosine"))
    assert seen[0] == pytest.approx(5e-6)
    assert max(seen) == seen[4] == pytest.approx(5e-5)
    assert seen[10] == pytest.approx(1e-6)


def test_plateau_follows_the_score():
    seen = rates(schedule("plateau"), (0.1, 0.2, 0.2, 0.3, 0.3, 0.3, 0.3, 0.3))
    assert seen[:6] == [5e-5] * 6
    assert seen[6] == seen[7] == pytest.approx(2.5e-5)
    assert seen[8] == pytest.approx(1.25e-5)
    assert min(rates(schedule("plateau"), (0.1,) * 40)) == pytest.approx(1e-6)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_saved_one_goes_on_as_if_nothing_had_happened(name):
    whole, first, second = schedule(name), schedule(name), schedule(name)
    expected = rates(whole)
    begun = rates(first, (0.1,) * 4)
    stored = io.BytesIO()
    torch.save([first.state_dict(), first.optimizer.state_dict()], stored)
    stored.seek(0)
    state, of_optimizer = torch.load(stored, weights_only=True)
    second.optimizer.load_state_dict(of_optimizer)
    second.load_state_dict(state)
    assert begun + rates(second, (0.1,) * 6)[1:] == expected


@pytest.mark.parametrize("name", SCHEDULES)
def test_each_can_be_lowered(name):
    lr_scheduler = schedule(name)
    lr_scheduler.restart(factor=0.5, warmup_epochs=0)
    assert max(rates(lr_scheduler)) == pytest.approx(2.5e-5)


def test_an_unknown_name():
    with pytest.raises(ValueError, match="schedule must be one of cosine, warmup_cosine, plateau, got 'step'"):
        schedule("step")
