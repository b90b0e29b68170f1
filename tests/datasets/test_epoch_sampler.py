import pytest
from torch.utils.data import DataLoader

from tools.datasets.epoch_sampler import EpochSampler


def test_each_epoch_has_every_item_in_an_order_of_its_own():
    sampler = EpochSampler(50, seed=3)
    first, second = list(sampler), list(sampler)
    assert {epoch for epoch, _ in first} == {0}
    assert {epoch for epoch, _ in second} == {1}
    assert sorted(index for _, index in first) == sorted(index for _, index in second) == list(range(50))
    assert [index for _, index in first] != [index for _, index in second]


def test_the_order_depends_on_seed_and_epoch_alone():
    one, other = EpochSampler(50, seed=3), EpochSampler(50, seed=3)
    list(one)
    one.set_epoch(7)
    other.set_epoch(7)
    assert list(one) == list(other)
    other = EpochSampler(50, seed=4)
    other.set_epoch(7)
    one.set_epoch(7)
    assert list(one) != list(other)


def test_start_skips_what_is_done_once_and_leaves_the_length():
    sampler = EpochSampler(10, seed=1)
    sampler.set_epoch(2)
    whole = list(sampler)
    sampler.set_epoch(2, start=4)
    assert len(sampler) == 10
    assert list(sampler) == whole[4:]
    assert len(list(sampler)) == 10


def test_without_shuffle():
    assert list(EpochSampler(3, shuffle=False)) == [(0, 0), (0, 1), (0, 2)]


def test_ranks_share_an_epoch_equally():
    samplers = [EpochSampler(10, seed=5, rank=rank, world_size=4) for rank in range(4)]
    parts = [[index for _, index in sampler] for sampler in samplers]
    assert [len(part) for part in parts] == [len(sampler) for sampler in samplers] == [3] * 4
    assert set(sum(parts, [])) == set(range(10))
    assert len(sum(parts, [])) == 12  # two repeated


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_loader_hands_the_pairs_to_the_dataset(workers):
    class Pairs:
        def __getitem__(self, key):
            return key

        def __len__(self):
            return 6

    loader = DataLoader(
        Pairs(), batch_size=4, sampler=EpochSampler(6, shuffle=False), num_workers=workers, collate_fn=list
    )
    assert list(loader) == [[(0, 0), (0, 1), (0, 2), (0, 3)], [(0, 4), (0, 5)]]
    assert list(loader)[0][0] == (1, 0)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="length must be at least 1 item, got 0"):
        EpochSampler(0)
    with pytest.raises(ValueError, match="rank must be from 0 to 1 .*, got 2"):
        EpochSampler(4, rank=2, world_size=2)
