"""Patients, never slices or scans, are divided between training, validation and test."""

import hashlib
from collections.abc import Iterable, Mapping

SPLITS = ("training", "validation", "test")


def split_patients(
    patients: Iterable[str], fractions: Mapping[str, float], seed: int, without_target: Iterable[str] = ()
) -> dict[str, list[str]]:
    """Divide patients between training, validation and test.

    Each patient's place in the order comes from a hash of the seed and its id, so that the division depends on nothing
    else. A part with a fraction above 0 gets at least one patient as long as training keeps one: validation first.
    Patients without a target are divided apart, so that validation consists of them alone only when a single patient
    has a target.

    Args:
        fractions: ``{"validation": 0.2, "test": 0.2}``; training gets the rest.

    Raises:
        ValueError: fractions below 0 or that leave training nothing.
    """
    val, test = float(fractions.get("validation", 0)), float(fractions.get("test", 0))
    if not (val >= 0 and test >= 0 and val + test < 1):
        raise ValueError(f"fractions must be 0 or more and leave some training data, got validation {val}, test {test}")
    empty = set(without_target)
    parts: dict[str, list[str]] = {name: [] for name in SPLITS}
    everyone = set(patients)
    for group, at_least in ((everyone - empty, 1), (everyone & empty, 0)):
        order = sorted(group, key=lambda patient: hashlib.sha256(f"{seed} {patient}".encode()).hexdigest())
        count = len(order)
        validation = max(round(val * count), at_least if val > 0 and count >= 2 else 0)
        validation = min(validation, max(count - at_least, 0))
        tested = max(round(test * count), at_least if test > 0 and count >= 3 else 0)
        tested = min(tested, max(count - validation - at_least, 0))
        parts["validation"] += order[:validation]
        parts["test"] += order[validation : validation + tested]
        parts["training"] += order[validation + tested :]
    if val > 0 and not parts["validation"] and len(parts["training"]) >= 2:
        parts["validation"].append(parts["training"].pop())
    return {name: sorted(members) for name, members in parts.items()}
