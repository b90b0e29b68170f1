"""What all ranks have seen, in one list."""

from __future__ import annotations

from typing import Any

import ignite.distributed as idist
import torch


def from_all_ranks(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the cases of all ranks, which may have different numbers of them, in one order everywhere."""
    if idist.get_world_size() < 2:
        return cases
    gathered: list[Any] = [None] * idist.get_world_size()
    torch.distributed.all_gather_object(gathered, cases)
    return [case for of_rank in gathered for case in of_rank]
