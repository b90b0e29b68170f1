"""Which item comes when, as a function of (seed, epoch) alone."""

from collections.abc import Iterator

import torch
import torch.distributed as dist
from torch.utils.data import Sampler


class EpochSampler(Sampler[tuple[int, int]]):
    """Yield (epoch, index) in an order drawn anew for each epoch, from the middle of one if need be.

    A dataset that seeds its random transforms from (epoch, index) then gives the same batches in a resumed run as in an
    uninterrupted one, with any number of workers. ``handlers.checkpoints.Checkpoints`` finds this sampler in the
    trainer's data loader and, when an epoch begins, sets the epoch (from 0) and how many items of it are done. Without
    that each ``iter()`` is the next epoch.

    With several ranks each takes every ``world_size``-th index; the first ones are repeated so that all ranks get as
    many.

    Args:
        length: number of items of the dataset.
        seed: of the order.
        shuffle: False gives 0, 1, 2, ... in each epoch.
        rank: of this process; None asks ``torch.distributed``.
        world_size: number of processes; None asks ``torch.distributed``.

    Raises:
        ValueError: without items, or for a rank that does not exist.
    """

    def __init__(
        self,
        length: int,
        seed: int = 0,
        shuffle: bool = True,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        distributed = dist.is_available() and dist.is_initialized()
        self.length = length
        self.seed = seed
        self.shuffle = shuffle
        self.rank = (dist.get_rank() if distributed else 0) if rank is None else rank
        self.world_size = (dist.get_world_size() if distributed else 1) if world_size is None else world_size
        if length < 1:
            raise ValueError(f"length must be at least 1 item, got {length}: the dataset is empty")
        if not 0 <= self.rank < self.world_size:
            raise ValueError(f"rank must be from 0 to {self.world_size - 1} (world_size - 1), got {self.rank}")
        self.epoch = 0
        self.start = 0

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Let the next ``iter()`` give ``epoch`` (from 0), without the first ``start`` items of this rank."""
        self.epoch = epoch
        self.start = start

    def __len__(self) -> int:
        """Items of a whole epoch on one rank, whatever ``start`` is."""
        return -(-self.length // self.world_size)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """(epoch, index) of what is left of the epoch; the next call is the next epoch."""
        epoch, start = self.epoch, self.start
        self.epoch, self.start = epoch + 1, 0
        order = list(range(self.length))
        if self.shuffle:
            seed = self.seed * 1_000_003 + epoch
            order = torch.randperm(self.length, generator=torch.Generator().manual_seed(seed)).tolist()
        places = range(self.rank, len(self) * self.world_size, self.world_size)
        return iter([(epoch, order[place % self.length]) for place in places[start:]])
