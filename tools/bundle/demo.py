"""Take a bundle through its whole life on a phantom: raw data, conversion, training, evaluation, inference, report."""

import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..datasets.registry import dataset_entry
from .collection import REPOSITORY, bundle_folder, metadata
from .demo_scores import brightness_score, score, threshold_score
from .task import classifies


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
        """Score the trained network, case by case."""
        self.workflow("evaluate", dataset_dir=self.dataset, output_dir=self.output / "evaluate")

    def infer(self) -> None:
        """Let it answer to the raw data."""
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
        """Return the scores of the untrained network, of a simple rule and of the trained one, and where to look."""
        classes = classifies(metadata(self.name))
        metric = "auc" if classes else "dice"
        scores = {
            "untrained network": score(self.output / "untrained", metric),
            **self.rule(classes),
            "trained network": score(self.output / "evaluate", metric),
        }
        width = max(map(len, scores))
        title = "ROC AUC of the images" if classes else "Dice per patient"
        lines = ["", f"{title} on the phantom's validation part, {self.name}:"]
        lines += [f"  {label.ljust(width)}  {value:.3f}" for label, value in scores.items()]
        lines += ["", "  ".join(f"{step} {seconds:.0f} s" for step, seconds in self.seconds.items())]
        lines += [
            "",
            f"report     {self.output / 'report.html'}",
            f"evaluation {self.output / 'evaluate' / 'report.html'}",
            f"{'answers   ' if classes else 'masks     '} {self.output / 'inference'}",
            "A phantom shows that everything works, not how good the network is on patients.",
        ]
        return "\n".join(lines)

    def rule(self, classes: bool) -> dict[str, float]:
        """Return the score of a simple rule with its name."""
        if not classes:
            return {"best HU threshold, best component": threshold_score(self.dataset, "validation")}
        data = dataset_entry(metadata(self.name)["dataset"]).datalist()
        return {"mean brightness alone": brightness_score(data(self.dataset, "validation", self.output))}
