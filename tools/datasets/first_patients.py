"""The first patients of a list, to overfit them: a network that cannot learn two patients by heart learns nothing."""

from collections.abc import Mapping, Sequence
from typing import Any


def first_patients(data: Sequence[Mapping[str, Any]], count: int) -> list[dict[str, Any]]:
    """Return the items of the first ``count`` patients in the order of their names; of all when there are fewer.

    Raises:
        ValueError: when no patient is asked for, or there is none.
    """
    names = sorted({str(item["patient"]) for item in data})
    if count < 1 or not names:
        raise ValueError(f"count must be at least 1 patient of those there are, got {count} of {len(names)}")
    chosen = set(names[:count])
    return [dict(item) for item in data if str(item["patient"]) in chosen]
