"""Take a bundle through its whole life on a phantom: raw data, conversion, training, evaluation, inference, report."""

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..datasets.registry import dataset_entry
from .collection import REPOSITORY, bundle_folder, metadata


@dataclass
class Demo:
    """One demonstration; every step prints the command that does the same by hand.

    Args:
        name: bundle to demonstrate.
        output: folder for everything the demonstration writes, checkpoints apart.
        patients: phantom patients, at least three.
        seed: of phantom, split and training.

    Raises:
        ValueError: for fewer patients than training and validation need.
    """

    name: str
    output: Path
    patients: int
    seed: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.patients < 3:
            raise ValueError(f"patients must be at least 3, to train on and to validate on, got {self.patients}")

    def steps(self) -> tuple[Callable[[], None], ...]:
        """Return what is done, in its order."""
        return (self.phantom, self.prepare, self.train, self.untrained, self.evaluate, self.infer)

    def run(self) -> str:
        """Run all steps and return the closing table."""
        for step in self.steps():
            begin = time.perf_counter()
            print(f"\n=== {step.__name__}: {step.__doc__.splitlines()[0]}", flush=True)
            step()
            self.seconds[step.__name__] = time.perf_counter() - begin
        return self.closing_table()

    @property
    def raw(self) -> Path:
        """Folder of the phantom in its raw form."""
        return self.output / f"raw-{self.patients}-patients-seed-{self.seed}"

    @property
    def dataset(self) -> Path:
        """Folder of the converted phantom."""
        return self.output / "dataset"

    def phantom(self) -> None:
        """Write synthetic patients in the raw form of the data set."""
        entry = dataset_entry(metadata(self.name)["dataset"])
        if not self.raw.is_dir():
            entry.write_phantom()(self.raw, patients=self.patients, grade="easy", seed=self.seed)

    def prepare(self) -> None:
        """Convert them as real data would be."""
        dataset = metadata(self.name)["dataset"]
        wanted = {"val_fraction": "0.2", "test_fraction": "0", "allow_empty": "true"}
        known = dataset_entry(dataset).options()
        split = [part for name, value in wanted.items() if name in known for part in (f"--{name}", value)]
        places = ("--source", self.raw, "--output", self.dataset, "--seed", self.seed)
        self.call("tools", "prepare", dataset, *places, *split)

    def train(self) -> None:
        """Train the small network of configs/demo.json."""
        self.workflow("train", dataset_dir=self.dataset, output_dir=self.output, resume="false", seed=self.seed)

    def untrained(self) -> None:
        """Score the same network without training, for comparison."""
        folder = self.output / "untrained"
        self.workflow("evaluate", dataset_dir=self.dataset, output_dir=folder, load_pretrain="false", seed=self.seed)

    def evaluate(self) -> None:
        """Score the trained network on the original grid, patient by patient."""
        self.workflow("evaluate", dataset_dir=self.dataset, output_dir=self.output / "evaluate")

    def infer(self) -> None:
        """Segment the raw scans."""
        self.workflow("inference", dataset_dir=self.raw, output_dir=self.output / "inference")

    def workflow(self, config: str, overlays: Sequence[str] = ("demo",), **overrides: object) -> None:
        """Run one configuration of the bundle with the demo overlay."""
        configs = bundle_folder(self.name).relative_to(REPOSITORY) / "configs"
        # evaluation is itself an overlay on training
        files = ["train", "evaluate"] if config == "evaluate" else [config]
        names = "[" + ",".join(f"'{configs}/{file}.json'" for file in [*files, *overlays]) + "]"
        options = [part for key, value in overrides.items() for part in (f"--{key}", value)]
        self.call("monai.bundle", "run", "--config_file", names, *options)

    def call(self, module: str, *arguments: object) -> None:
        """Run a module of this Python in its own process and stop when it fails."""
        words = ["-m", module, *(str(argument) for argument in arguments)]
        print(f"$ python {shlex.join(words)}", flush=True)
        if subprocess.run([sys.executable, *words], cwd=REPOSITORY, check=False).returncode:
            raise RuntimeError(f"the command above failed; its last line says why: python {shlex.join(words)}")

    def closing_table(self) -> str:
        """Return Dice of the untrained network, of the best threshold and of the trained network, and where to look."""
        scores = {
            "untrained network": score(self.output / "untrained"),
            "best HU threshold, best component": threshold_score(self.dataset, "validation"),
            "trained network": score(self.output / "evaluate"),
        }
        width = max(map(len, scores))
        lines = ["", f"Dice per patient on the phantom's validation part, {self.name}:"]
        lines += [f"  {label.ljust(width)}  {value:.3f}" for label, value in scores.items()]
        lines += ["", "  ".join(f"{step} {seconds:.0f} s" for step, seconds in self.seconds.items())]
        lines += [
            "",
            f"report     {self.output / 'report.html'}",
            f"evaluation {self.output / 'evaluate' / 'report.html'}",
            f"masks      {self.output / 'inference'}",
            "A phantom shows that everything works, not how good the network is on patients.",
        ]
        return "\n".join(lines)


def score(folder: Path) -> float:
    """Return the mean Dice that an evaluation wrote to its summary."""
    return float(json.loads((folder / "summary.json").read_text(encoding="utf-8"))["metrics"]["dice"])


def threshold_score(dataset: Path, split: str) -> float:
    """Return the mean Dice of the best HU threshold with the best component, an oracle choosing for each patient."""
    import nibabel
    import numpy as np

    from ..datasets.datalist import read_datalist
    from ..datasets.threshold_baseline import oracle_threshold_dice

    dices = []
    for item in read_datalist(dataset, split):
        image, label = (np.asarray(nibabel.load(item[key]).dataobj) for key in ("image", "label"))
        dices.append(oracle_threshold_dice(image, label)[0])
    return float(np.nanmean(dices))
