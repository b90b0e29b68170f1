"""Gates 1 to 3 of the CT phantom: does it measure anything?

1. A threshold with the best component chosen by an oracle stays below 0.3 on at least half of the phantoms.
2. A network that sees 11 pixels is 0.15 Dice or more behind a U-Net.
3. Taking vessels or contact away raises the U-Net by 0.1 or more.

Run: python -m benchmarks.phantom_gates [--quick] [--steps N] [--train N] [--test N] [--device cuda]
The networks train in turns, a few steps each, in one process, so that a busy machine slows them alike.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from benchmarks.phantom_training import Trainer, Volume, dice_per_patient, load, local_network, small_unet
from tools.datasets.threshold_baseline import oracle_threshold_dice

CROP = {2.5: (96, 128), 2.0: (112, 160), 1.5: (160, 224)}  # pixels that hold both lungs, by spacing in mm
VARIANTS: dict[str, tuple[str, ...]] = {"all": (), "no vessels": ("vessels",), "no contact": ("contact",)}


@dataclass(frozen=True)
class Run:
    """One network on one variant of the phantoms."""

    name: str
    variant: str
    make: Callable[[], nn.Module]


RUNS = (
    Run("U-Net", "all", small_unet),
    Run("11-pixel network", "all", local_network),
    Run("U-Net, no vessels", "no vessels", small_unet),
    Run("U-Net, no contact", "no contact", small_unet),
)


def read_sets(arguments: argparse.Namespace) -> dict[str, tuple[list[Volume], list[Volume]]]:
    """Training and test phantoms of each variant; the same patients but for what is taken away."""
    sets = {}
    for name, without in VARIANTS.items():
        options = {
            "seed": arguments.seed, "pixel_mm": arguments.pixel_mm, "crop": CROP[arguments.pixel_mm],
            "thickness_mm": arguments.thickness_mm, "without": without,
        }  # fmt: skip
        last = arguments.train + arguments.test
        training = load(arguments.grade, range(arguments.train), **options)
        sets[name] = training, load(arguments.grade, range(arguments.train, last), **options)
    return sets


def train_in_turns(arguments: argparse.Namespace, sets: dict) -> dict[str, tuple[list[float], float]]:
    """Train all runs side by side; gives the Dice of each test patient and the seconds spent."""
    trainers = {}
    for run in RUNS:
        torch.manual_seed(arguments.seed)
        trainers[run.name] = Trainer(
            run.make(), sets[run.variant][0], arguments.steps, arguments.seed, device=arguments.device
        )
    for _ in range(0, arguments.steps, arguments.turn):
        for trainer in trainers.values():
            trainer.run(arguments.turn)
    return {
        run.name: (dice_per_patient(trainers[run.name].network, sets[run.variant][1]), trainers[run.name].seconds)
        for run in RUNS
    }


def verdict(passed: bool) -> str:
    return "passed" if passed else "NOT passed"


def report(oracle: list[float], runs: dict[str, tuple[list[float], float]], arguments: argparse.Namespace) -> None:
    """Print scores and gates."""
    print(
        f"grade {arguments.grade}, seed {arguments.seed}: {arguments.train} training and {arguments.test} test phantoms"
    )
    print(f"{arguments.pixel_mm} x {arguments.pixel_mm} x {arguments.thickness_mm} mm, {arguments.steps} steps each\n")
    print(f"{'':20} {'mean':>6} {'SD':>6} {'median':>7} {'seconds':>8}")
    print(f"{'oracle threshold':20} {np.mean(oracle):6.3f} {np.std(oracle):6.3f} {np.median(oracle):7.3f}")
    for name, (scores, seconds) in runs.items():
        print(f"{name:20} {np.mean(scores):6.3f} {np.std(scores):6.3f} {np.median(scores):7.3f} {seconds:8.0f}")
    mean = {name: float(np.mean(scores)) for name, (scores, _) in runs.items()}
    below = float(np.mean(np.array(oracle) < 0.3))
    gap = mean["U-Net"] - mean["11-pixel network"]
    gains = {name: mean[f"U-Net, {name}"] - mean["U-Net"] for name in ("no vessels", "no contact")}
    print(f"\ngate 1  threshold below 0.3 on {below:.0%} of phantoms (at least 50 %): {verdict(below >= 0.5)}")
    print(f"gate 2  11-pixel network behind the U-Net by {gap:.3f} (at least 0.15): {verdict(gap >= 0.15)}")
    gained = ", ".join(f"{name} {gain:+.3f}" for name, gain in gains.items())
    print(f"gate 3  U-Net gains {gained} (one at least 0.1): {verdict(max(gains.values()) >= 0.1)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grade", default="hard", choices=("easy", "hard"))
    parser.add_argument("--train", type=int, default=60, help="training phantoms")
    parser.add_argument("--test", type=int, default=20, help="test phantoms")
    parser.add_argument("--steps", type=int, default=3000, help="training steps of each network")
    parser.add_argument("--turn", type=int, default=10, help="steps before the next network has its turn")
    parser.add_argument("--pixel_mm", type=float, default=1.5, choices=sorted(CROP))
    parser.add_argument("--thickness_mm", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--quick", action="store_true", help="minutes on one core: few phantoms, coarse, few steps")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.train, arguments.test, arguments.steps = 27, 12, 300
        arguments.pixel_mm, arguments.thickness_mm = 2.5, 5.0
    torch.set_num_threads(arguments.threads)
    sets = read_sets(arguments)
    both = sets["all"][0] + sets["all"][1]
    oracle = [oracle_threshold_dice(v.hu, v.target.numpy())[0] for v in both if v.target.any()]
    report(oracle, train_in_turns(arguments, sets), arguments)


if __name__ == "__main__":
    main()
