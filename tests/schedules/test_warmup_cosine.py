"""The schedule as a table, and as a scheduler that restarts and resumes."""

import io

import pytest
import torch

from tools.schedules.warmup_cosine import WarmupCosineLR, warmup_cosine

TABLE = [  # step, warm-up, total, factor with start 0.1 and end 0.05
    (0, 15, 200, 0.1),
    (5, 15, 200, 0.4),
    (14, 15, 200, 0.94),
    (15, 15, 200, 1.0),
    (16, 15, 200, 0.999932),
    (107, 15, 200, 0.529033),  # half way down, less half a step
    (199, 15, 200, 0.050068),
    (200, 15, 200, 0.05),
    (10_000, 15, 200, 0.05),
    (0, 0, 10, 1.0),
    (5, 0, 10, 0.525),
    (4, 15, 10, 0.82),  # the warm-up is cut to half: 5 steps
    (5, 15, 10, 1.0),
    (0, 15, 1, 1.0),
    (1, 15, 1, 0.05),
    (0, 15, 0, 0.05),
]


def scheduler(lr: float = 2e-5, **kwargs) -> WarmupCosineLR:
    """A schedule on an optimizer of one parameter."""
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    return WarmupCosineLR(optimizer, **{"max_epochs": 200, **kwargs})


def rates(schedule: WarmupCosineLR, steps: int) -> list[float]:
    """Rates of the next ``steps`` steps, read from the optimizer."""
    seen = []
    for _ in range(steps):
        seen.append(schedule.optimizer.param_groups[0]["lr"])
        schedule.optimizer.step()
        schedule.step()
    return seen


@pytest.mark.parametrize(("step", "warmup", "total", "factor"), TABLE)
def test_table(step, warmup, total, factor):
    assert warmup_cosine(step, warmup, total, 0.1, 0.05) == pytest.approx(factor, abs=1e-6)


def test_rises_then_falls_and_never_passes_one():
    factors = [warmup_cosine(step, 15, 200, 0.1, 0.05) for step in range(260)]
    assert max(factors) == 1.0
    assert factors[:16] == sorted(factors[:16])
    assert factors[15:] == sorted(factors[15:], reverse=True)


class TestWarmupCosineLR:
    def test_default_numbers_of_the_original(self):
        seen = rates(scheduler(), 230)
        assert seen[0] == pytest.approx(2e-6)
        assert seen[15] == max(seen) == 2e-5
        assert seen[200:] == pytest.approx([1e-6] * 30)

    def test_stepped_by_iteration_passes_the_same_rates(self):
        by_epoch = rates(scheduler(max_epochs=40), 45)
        by_iteration = rates(scheduler(max_epochs=40, steps_per_epoch=7), 45 * 7)
        assert by_iteration[::7] == pytest.approx(by_epoch, rel=1e-12)

    def test_every_group_ends_at_the_lowest_rate_and_none_rises_to_it(self):
        groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (1e-3, 2e-5, 5e-7)]
        optimizer = torch.optim.SGD(groups, lr=1.0)
        schedule = WarmupCosineLR(optimizer, max_epochs=20, warmup_epochs=4)
        peaks = [0.0] * 3
        for _ in range(25):
            peaks = [max(peak, group["lr"]) for peak, group in zip(peaks, optimizer.param_groups, strict=True)]
            optimizer.step()
            schedule.step()
        assert peaks == [1e-3, 2e-5, 5e-7]
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([1e-6, 1e-6, 5e-7])

    def test_restart_is_a_new_schedule_over_the_steps_left(self):
        schedule = scheduler(max_epochs=100)
        rates(schedule, 40)
        schedule.restart()
        assert schedule.optimizer.param_groups[0]["lr"] == schedule.get_last_lr()[0] == pytest.approx(1e-6)
        seen = rates(schedule, 70)
        expected = [1e-5 * warmup_cosine(step, 5, 60, 0.1, 0.1) for step in range(70)]
        assert seen == pytest.approx(expected)
        assert max(seen) == seen[5] == 1e-5

    def test_three_restarts_halve_three_times_and_stay_within_bounds(self):
        schedule = scheduler(max_epochs=100)
        peaks = []
        for _ in range(4):
            seen = rates(schedule, 20)
            assert min(seen) > 0
            peaks.append(max(seen))
            schedule.restart(factor=0.5, warmup_epochs=5)
        assert peaks == pytest.approx([2e-5, 1e-5, 5e-6, 2.5e-6])

    def test_restart_at_the_end_stays_at_the_lowest_rate(self):
        schedule = scheduler(max_epochs=3)
        rates(schedule, 3)
        schedule.restart()
        assert rates(schedule, 4) == pytest.approx([1e-6] * 4)

    @pytest.mark.parametrize("restart_at", [None, 9])
    @pytest.mark.parametrize("stop_at", [0, 3, 12])
    def test_saved_and_loaded_half_way_equals_uninterrupted(self, stop_at, restart_at):
        def run(schedule: WarmupCosineLR, first: int, last: int) -> list[float]:
            seen = []
            for step in range(first, last):
                if step == restart_at:
                    schedule.restart()
                seen += rates(schedule, 1)
            return seen

        whole = run(scheduler(max_epochs=20), 0, 24)
        first = scheduler(max_epochs=20)
        seen = run(first, 0, stop_at)
        file = io.BytesIO()
        torch.save(first.state_dict(), file)
        file.seek(0)
        second = scheduler(max_epochs=20)
        second.load_state_dict(torch.load(file, weights_only=True))
        assert second.get_last_lr() == first.get_last_lr()
        assert seen + run(second, stop_at, 24) == whole

    def test_a_finished_run_resumed_with_more_epochs_follows_the_longer_schedule(self):
        short = scheduler(max_epochs=10, warmup_epochs=3)
        rates(short, 10)
        assert short.get_last_lr() == pytest.approx([1e-6])
        longer = scheduler(max_epochs=20, warmup_epochs=3)
        longer.load_state_dict(short.state_dict())
        assert rates(longer, 14) == rates(scheduler(max_epochs=20, warmup_epochs=3), 24)[10:]

    def test_after_a_restart_more_epochs_stretch_the_new_schedule(self):
        short = scheduler(max_epochs=10)
        rates(short, 6)
        short.restart(factor=0.5, warmup_epochs=2)
        rates(short, 4)
        longer = scheduler(max_epochs=26)
        longer.load_state_dict(short.state_dict())
        assert rates(longer, 18) == pytest.approx(
            [1e-5 * warmup_cosine(step - 6, 2, 20, 0.1, 0.1) for step in range(10, 28)]
        )

    def test_the_state_is_a_copy(self):
        schedule = scheduler()
        before = schedule.state_dict()
        kept = {key: list(value) if isinstance(value, list) else value for key, value in before.items()}
        rates(schedule, 3)
        schedule.restart()
        assert before == kept

    def test_refuses_a_state_of_another_optimizer(self):
        state = scheduler().state_dict()
        groups = [{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(2)]
        with pytest.raises(ValueError, match="state has 1 parameter groups, the optimizer 2"):
            WarmupCosineLR(torch.optim.SGD(groups, lr=1.0), max_epochs=2).load_state_dict(state)

    def test_reports_every_bad_argument_at_once(self):
        with pytest.raises(ValueError, match=r"max_epochs .* got 0; warmup_epochs .* got -1; start_factor .* got 2"):
            scheduler(max_epochs=0, warmup_epochs=-1, start_factor=2)

    @pytest.mark.parametrize("factor", [0, 1.5])
    def test_restart_never_raises_the_rate(self, factor):
        with pytest.raises(ValueError, match=f"got {factor}.*halves"):
            scheduler().restart(factor=factor)
