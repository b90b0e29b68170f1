"""As many items of each class in an epoch, drawn anew for each."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from ..transforms.class_label import item_class
from .epoch_sampler import EpochSampler


class BalancedSampler(EpochSampler):
    """An ``EpochSampler`` that draws with replacement, every class equally often on average.

    What ``torch.utils.data.WeightedRandomSampler`` does with weights of one over the size of each class, as a function
    of (seed, epoch) alone, so that an interrupted run can be repeated.

    Args:
        data: items with a ``label`` each.
        seed: of the draw.
        balanced: False visits every item once, as ``EpochSampler`` does.
        rank: of this process; None asks ``torch.distributed``.
        world_size: number of processes; None asks ``torch.distributed``.

    Raises:
        ValueError: without items.
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, Any]],
        seed: int = 0,
        balanced: bool = True,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        super().__init__(len(data), seed, True, rank, world_size)
        self.balanced = balanced
        classes = torch.tensor([item_class(item) for item in data])
        self.weights = 1.0 / torch.bincount(classes)[classes].double()

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """(epoch, index) of what is left of the epoch; the next call is the next epoch."""
        if not self.balanced:
            return super().__iter__()
        epoch, start = self.epoch, self.start
        self.epoch, self.start = epoch + 1, 0
        draw = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        order = torch.multinomial(self.weights, len(self) * self.world_size, replacement=True, generator=draw).tolist()
        return iter([(epoch, index) for index in order[self.rank :: self.world_size][start:]])
