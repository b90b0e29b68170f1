"""The rate follows a score: how long it waits, what a restart does, what a checkpoint keeps."""

import io

import pytest
import torch

from tools.schedules.plateau import PlateauLR


def schedule(lr: float = 1.0, **kwargs) -> PlateauLR:
    """A schedule on an optimizer of one parameter."""
    return PlateauLR(torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=lr), **kwargs)


def rates(plateau: PlateauLR, scores: list[float]) -> list[float]:
    """The rate after each score."""
    seen = []
    for score in scores:
        plateau.step(score)
        seen.append(plateau.optimizer.param_groups[0]["lr"])
    return seen


def test_a_score_that_stands_still_lowers_the_rate_after_the_patience():
    assert rates(schedule(), [0.5] * 12) == pytest.approx([1.0] * 5 + [0.2] * 5 + [0.04] * 2)


def test_a_better_score_is_a_higher_one():
    assert rates(schedule(), [0.1 * number for number in range(10)]) == [1.0] * 10
    assert rates(schedule(patience=1), [0.5, 0.4, 0.3]) == pytest.approx([1.0, 1.0, 0.2])


def test_no_rate_falls_below_the_lowest():
    assert rates(schedule(patience=0, min_lr=0.1), [0.5] * 5)[-1] == pytest.approx(0.1)


class TestRestart:
    def test_lowers_at_once_and_forgets_the_best_score(self):
        plateau = schedule(patience=1)
        plateau.step(0.9)
        plateau.restart(factor=0.5, warmup_epochs=5)
        assert plateau.optimizer.param_groups[0]["lr"] == plateau.get_last_lr()[0] == 0.5
        assert rates(plateau, [0.1, 0.1, 0.1]) == pytest.approx([0.5, 0.5, 0.1])

    @pytest.mark.parametrize("factor", [0.0, 1.5, -1.0])
    def test_refuses_to_raise_the_rate(self, factor):
        with pytest.raises(ValueError, match="above 0 and at most 1"):
            schedule().restart(factor=factor)


def test_a_loaded_state_goes_on_as_if_nothing_had_happened():
    scores = [0.2, 0.3, 0.3, 0.3, 0.1, 0.3, 0.3, 0.3, 0.3, 0.3]
    whole = rates(schedule(patience=2), scores)
    first, second = schedule(patience=2), schedule(patience=2)
    before = rates(first, scores[:4])
    stored = io.BytesIO()
    torch.save({"schedule": first.state_dict(), "optimizer": first.optimizer.state_dict()}, stored)
    stored.seek(0)
    state = torch.load(stored, weights_only=True)
    second.load_state_dict(state["schedule"])
    second.optimizer.load_state_dict(state["optimizer"])
    assert before + rates(second, scores[4:]) == whole
    assert len(set(whole)) == 3
