"""Training and validation out of train/ (and val/) of the Kermany release, by patient; test/ stays what it is.

Images with one bare patient number stay together, whatever their series: a safe superset of patients. So do copies of
one picture. Numbers with normal, with pneumonia and with both are divided apart, which keeps the mix of classes.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .conversion_report import ConversionError
from .kermany_duplicates import Duplicates
from .kermany_folder import Xray


def split_cases(
    cases: Sequence[Xray], duplicates: Duplicates, seed: int, val_fraction: float, fold: int = 0
) -> dict[str, list[Xray]]:
    """Divide the good images of a release.

    Args:
        seed: of the order of patient numbers; the division depends on it and on the numbers alone.
        val_fraction: share of the patient numbers for validation.
        fold: which share: 0 the first; with 0.2 the folds 0 to 4 are disjoint and cover everything.

    Raises:
        ConversionError: training or validation would hold one class only.
        ValueError: fraction or fold that cannot be.
    """
    check_split(val_fraction, fold)
    pool = [case for case in cases if case.folder != "test" and case.name not in duplicates.left_out]
    parts = {"training": pool, "validation": [], "test": [case for case in cases if case.folder == "test"]}
    if val_fraction > 0:
        chosen = _validation_groups(pool, duplicates, seed, val_fraction, fold)
        parts["training"] = [case for group in chosen[0] for case in group]
        parts["validation"] = [case for group in chosen[1] for case in group]
    _refuse_one_class(parts, seed)
    assert_apart(parts)
    return parts


def check_split(val_fraction: float, fold: int) -> None:
    """Refuse what cannot be; see ``split_cases``."""
    if not 0 <= val_fraction < 1:
        raise ValueError(f"val_fraction must be 0 or more and below 1, got {val_fraction}")
    folds = max(round(1 / val_fraction), 1) if val_fraction else 1
    if not 0 <= fold < folds:
        raise ValueError(f"fold must lie from 0 to {folds - 1} with val_fraction {val_fraction}, got {fold}")


def assert_apart(parts: Mapping[str, Sequence[Xray]]) -> None:
    """Make sure of what everything rests on, whatever led here.

    Raises:
        RuntimeError: an image, a patient or pixels of test/ are in training or validation, or a patient is in both.
    """
    rest = [case for part in ("training", "validation") for case in parts[part]]
    wrong = [case.name for case in rest if case.folder == "test"]
    digests = {case.facts.digest for case in parts["test"]}
    people = {case.xray.identity for case in parts["test"] if case.xray.known}
    wrong += [case.name for case in rest if case.facts.digest in digests or case.xray.identity in people]
    trained = {case.xray.patient for case in parts["training"]}
    wrong += [case.name for case in parts["validation"] if case.xray.patient in trained]
    if wrong:
        raise RuntimeError(f"the split is wrong, these images or their patients are in two parts: {wrong[:10]}")


def item_of(case: Xray, root: Path) -> dict[str, Any]:
    """The item of datalist.json of one image.

    A patient of test/ is ``test-NUMBER``: there the numbers begin anew, and no patient of training is meant.
    """
    digest = case.facts.digest
    return {
        "image": case.facts.path.relative_to(root).as_posix(),
        "label": case.label,
        "patient": f"test-{case.xray.patient}" if case.folder == "test" else case.xray.patient,
        "subtype": case.xray.subtype,
        "phantom": case.facts.phantom,
        "shape": list(case.facts.size),
        "sha256": {"image": digest, "label": str(case.label)},
    }


def _validation_groups(
    pool: Sequence[Xray], duplicates: Duplicates, seed: int, val_fraction: float, fold: int
) -> tuple[list[list[Xray]], list[list[Xray]]]:
    """Groups of images that stay together, as (training, validation)."""
    strata: dict[str, list[tuple[str, list[Xray]]]] = defaultdict(list)
    for name, group in _groups(pool, duplicates).items():
        strata["".join(sorted({case.class_name for case in group}))].append((name, group))
    training: list[list[Xray]] = []
    validation: list[list[Xray]] = []
    for members in strata.values():
        order = sorted(members, key=lambda member: hashlib.sha256(f"{seed} {member[0]}".encode()).hexdigest())
        groups = [group for _, group in order]
        share = val_fraction * len(groups)
        start, end = round(fold * share), round((fold + 1) * share)
        if fold == 0 and end == 0 and len(groups) >= 2:
            end = 1
        validation += groups[start:end]
        training += groups[:start] + groups[end:]
    return training, validation


def _groups(pool: Sequence[Xray], duplicates: Duplicates) -> dict[str, list[Xray]]:
    """Images by patient number; numbers that share a picture are one. The name is the first number of the group."""
    numbers = sorted({case.xray.patient for case in pool})
    parent = {number: number for number in numbers}

    def top(number: str) -> str:
        while parent[number] != number:
            number = parent[number]
        return number

    for group in duplicates.groups:
        linked = sorted(
            {top(case.xray.patient) for case in group if case.folder != "test" and case.xray.patient in parent}
        )
        for number in linked[1:]:
            parent[number] = linked[0]
    found: dict[str, list[Xray]] = defaultdict(list)
    for case in pool:
        found[top(case.xray.patient)].append(case)
    return found


def _refuse_one_class(parts: Mapping[str, Sequence[Xray]], seed: int) -> None:
    problems = []
    for part in ("training", "validation"):
        counts = Counter(case.class_name for case in parts[part])
        if len(counts) == 1:
            name, count = next(iter(counts.items()))
            problems.append(
                f"the {part} part must hold both classes, it would hold {count} {name} alone (seed {seed}); "
                "add patients of the other class, or choose another --val_fraction or seed (prepare: --seed, training: "
                "--split_seed)"
            )
    if problems:
        raise ConversionError("\n".join(problems))
