"""Let a bundle learn a few phantom patients by heart: a network that cannot do that will not learn anything else."""

import json
from collections.abc import Callable
from pathlib import Path

from .collection import bundle_folder, bundle_names
from .demo import Demo

OVERLAY = "overfit"


class Overfit(Demo):
    """Train the demo's small network on a few patients, with the overlay configs/overfit.json, and judge it on them.

    Args:
        name: bundle, which must have configs/overfit.json.
        output: folder for everything that is written, checkpoints apart.
        patients: phantom patients; as many are learnt as the overlay says.
        seed: of phantom and training.

    Raises:
        ValueError: for a bundle without the overlay, or without patients.
    """

    def __post_init__(self) -> None:
        known = [name for name in bundle_names() if _overlay(name).is_file()]
        if self.name not in known:
            raise ValueError(
                f"{self.name} has no configs/{OVERLAY}.json; bundles that have one: {', '.join(known) or 'none'}"
            )
        if self.patients < 1:
            raise ValueError(f"patients must be at least 1, got {self.patients}")

    def steps(self) -> tuple[Callable[[], None], ...]:
        """Return what is done, in its order."""
        return (self.phantom, self.prepare, self.train)

    def train(self) -> None:
        """Train on a few patients, and validate on the same, until they are known by heart."""
        places = {"dataset_dir": self.dataset, "output_dir": self.output}
        self.workflow("train", ("demo", OVERLAY), **places, resume="false", seed=self.seed)

    def closing_table(self) -> str:
        """Return whether the wanted Dice was reached, when, and where to look.

        Raises:
            RuntimeError: when it was not.
        """
        wanted = float(json.loads(_overlay(self.name).read_text(encoding="utf-8"))["stop_at_dice"])
        summary = json.loads((self.output / "summary.json").read_text(encoding="utf-8"))
        best, epoch = summary["metric"]["best"], summary["metric"]["epoch"]
        if best is None or not best >= wanted:
            raise RuntimeError(
                f"{self.name} did not learn its training patients by heart: best Dice "
                f"{'none' if best is None else f'{best:.3f} in epoch {epoch}'} of {summary['epochs']}, {wanted:g} was "
                f"wanted. Look at the curves in {self.output / 'report.html'}: too low a rate, too few epochs, or a "
                "fault in network, loss or labels"
            )
        lines = [
            "",
            f"{self.name} knows its patients by heart: Dice {best:.3f} in epoch {epoch}, {wanted:g} was wanted",
            "  ".join(f"{step} {seconds:.0f} s" for step, seconds in self.seconds.items()),
            f"report     {self.output / 'report.html'}",
            "This shows that the network can learn, not what it has learnt about others.",
        ]
        return "\n".join(lines)


def _overlay(name: str) -> Path:
    return bundle_folder(name) / "configs" / f"{OVERLAY}.json"
