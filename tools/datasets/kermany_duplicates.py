"""Images of the Kermany release that are there twice, and what follows: none of test/ is trained on under another name.

A copy of a test image in train/ or val/, exact or nearly so, is left out of training; so is every image of a patient
who is in test/, too (same series and number). Copies within the rest stay together in one part of the split. The same
pixels under two labels are a problem.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .findings import some
from .image_duplicates import exact_groups, near_pairs
from .kermany_folder import Xray


@dataclass
class Duplicates:
    """What was found among the good images of a release.

    Args:
        exact: groups of images with the same pixels.
        near: pairs that show the same exposure, with their correlation.
        left_out: images of train/ and val/ that must not be trained on, with the reason.
    """

    exact: list[list[Xray]] = field(default_factory=list)
    near: list[tuple[Xray, Xray, float]] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def groups(self) -> list[list[Xray]]:
        """Images that belong together, exact copies and near ones."""
        return self.exact + [[one, two] for one, two, _ in self.near]

    def facts(self) -> dict:
        """What datalist.json keeps."""
        return {
            "exact": [[case.name for case in group] for group in self.exact],
            "near": [[one.name, two.name, score] for one, two, score in self.near],
            "left_out": dict(self.left_out),
        }

    def text(self) -> str:
        """What the report says."""
        across = [group for group in self.groups if len({_side(case) for case in group}) > 1]
        strangers = [group for group in self.groups if len({(_side(case), case.xray.patient) for case in group}) > 1]
        lines = [
            f"duplicates: {len(self.exact)} group(s) of the same pixels ({sum(map(len, self.exact))} images), "
            f"{len(self.near)} pair(s) nearly the same; {len(across)} of them between test/ and the rest, "
            f"{len(strangers)} under different patient numbers"
        ]
        if self.exact:
            lines.append(f"  same pixels: {some([' = '.join(case.name for case in group) for group in self.exact])}")
        if self.near:
            pairs = [f"{one.name} ~ {two.name} ({score:.2f})" for one, two, score in self.near]
            lines.append(f"  nearly the same: {some(pairs)}")
        if self.left_out:
            counts = Counter(self.left_out.values())
            lines.append(f"left out of training: {len(self.left_out)} image(s)")
            lines += [f"  {count} {reason}" for reason, count in sorted(counts.items())]
        return "\n".join(lines)


def find_duplicates(cases: Sequence[Xray]) -> Duplicates:
    """Find copies among good images and decide what is left out; a conflict of labels goes to the images' findings."""
    found = Duplicates()
    groups = exact_groups([case.facts.digest for case in cases])
    found.exact = [[cases[index] for index in group] for group in groups]
    same = {index: number for number, group in enumerate(groups) for index in group}
    thumbnails = np.stack([case.facts.thumbnail for case in cases]) if cases else np.zeros((0, 112, 112), np.uint8)
    found.near = [
        (cases[i], cases[j], score) for i, j, score in near_pairs(thumbnails) if i not in same or same[i] != same.get(j)
    ]
    for group in found.exact:
        _refuse_two_labels(group)
    _keep_test_apart(cases, found)
    return found


def _refuse_two_labels(group: list[Xray]) -> None:
    """A problem only where both would be trained on: the official test part is measured on as it is."""
    trained = [case for case in group if case.folder != "test"]
    conflict = len({case.label for case in trained}) > 1
    for case in group:
        others = [other.name for other in group if other.label != case.label]
        if conflict and case in trained:
            case.findings.problem(f"the same pixels must have one label, they are also in {some(others)}; remove one")
        elif others:
            case.findings.warning(f"the same pixels have another label in {some(others)}")


def _keep_test_apart(cases: Sequence[Xray], found: Duplicates) -> None:
    for group in found.exact:
        _leave_out(found, group, "with the pixels of an image of test/")
    for one, two, _ in found.near:
        _leave_out(found, [one, two], "nearly the same as an image of test/")
    tested = {case.xray.identity for case in cases if case.folder == "test" and case.xray.known}
    for case in cases:
        if case.folder != "test" and case.xray.identity in tested:
            found.left_out.setdefault(case.name, "of a patient who is in test/, too")


def _leave_out(found: Duplicates, group: Sequence[Xray], reason: str) -> None:
    if any(case.folder == "test" for case in group):
        for case in group:
            if case.folder != "test":
                found.left_out.setdefault(case.name, reason)


def _side(case: Xray) -> str:
    return "test" if case.folder == "test" else "rest"
