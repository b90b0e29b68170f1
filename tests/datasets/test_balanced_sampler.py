"""Classes of unequal size come equally often, the same for the same seed and epoch, and from the middle of one."""

from collections import Counter

import pytest

from tools.datasets.balanced_sampler import BalancedSampler

DATA = [{"label": 0}] * 10 + [{"label": 1}] * 90


def drawn(sampler) -> Counter:
    return Counter(DATA[index]["label"] for _ in range(20) for _, index in sampler)


def test_both_classes_come_equally_often():
    counts = drawn(BalancedSampler(DATA, seed=1))
    assert counts[0] / counts.total() == pytest.approx(0.5, abs=0.05)
    plain = BalancedSampler(DATA, seed=1, balanced=False)
    assert drawn(plain)[0] / 2000 == 0.1
    assert sorted(index for _, index in plain) == list(range(100))


def test_an_epoch_is_a_function_of_seed_and_epoch_and_can_begin_in_its_middle():
    sampler = BalancedSampler(DATA, seed=3)
    first, second = list(sampler), list(sampler)
    assert first != second
    assert {epoch for epoch, _ in second} == {1}
    sampler.set_epoch(0, start=40)
    assert list(sampler) == first[40:]
    assert list(sampler) == second
    assert list(BalancedSampler(DATA, seed=4)) != first


def test_ranks_share_one_draw():
    ranks = [list(BalancedSampler(DATA, seed=5, rank=rank, world_size=2)) for rank in range(2)]
    alone = list(BalancedSampler(DATA, seed=5, rank=0, world_size=1))
    assert [pair for both in zip(*ranks, strict=True) for pair in both] == alone
