"""The runs of two bundles side by side: curves, best Dice, steps left out and time, from what the runs have written.

python -m benchmarks.two_auravits RUN_A RUN_B [--names A B] [--output PICTURE.png]

Each RUN is the output folder of a training, for example of ``python -m tools demo NAME``.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from tools.report.curves import Panel, draw_curves
from tools.report.run_files import HISTORY, INCIDENTS, SUMMARY, read_json, read_json_lines, write_bytes

Line = tuple[str, list[float], list[float]]


def column(history: list[dict], kind: str, names: tuple[str, ...], label: str) -> Line:
    """Epochs and values of the first of ``names`` that a history holds."""
    lines = [line | line.get("metrics", {}) for line in history if line["kind"] == kind]
    name = next((name for name in names if any(line.get(name) is not None for line in lines)), names[0])
    found = [(line["epoch"], line[name]) for line in lines if line.get(name) is not None]
    return label, [epoch for epoch, _ in found], [value for _, value in found]


def panels(histories: dict[str, list[dict]]) -> list[Panel]:
    """Segmentation loss, validation Dice and rate of both; the terms that only one of them has."""

    def of_both(kind: str, *names: str) -> list[Line]:
        return [column(history, kind, names, label) for label, history in histories.items()]

    variational = [history for history in histories.values() if any("loss_kl" in line for line in history)]
    terms = [
        column(history, "train", (name,), label)
        for history in variational
        for name, label in (("loss_reconstruction", "MSE"), ("loss_kl", "KL, nats a token"))
    ]
    found = [
        Panel("training, Dice and cross-entropy", of_both("train", "loss_segmentation", "loss")),
        Panel("validation Dice, mean over patients", of_both("validation", "dice")),
        Panel("gradient norm before clipping", of_both("train", "grad_norm"), log=True),
        Panel("terms of the variational path", terms, log=True),
    ]
    return [panel for panel in found if panel.lines]


def facts(folder: Path) -> dict[str, object]:
    """What a run says of itself in numbers."""
    history, summary = read_json_lines(folder / HISTORY), read_json(folder / SUMMARY) or {}
    epochs = [line for line in history if line["kind"] == "train"]
    dices = [line["metrics"].get("dice", 0.0) for line in history if line["kind"] == "validation"]
    evaluated = read_json(folder / "evaluate" / SUMMARY) or {}
    return {
        "epochs": len(epochs),
        "steps": sum(line["iterations"] for line in epochs),
        "best validation Dice": max(dices, default=math.nan),
        "in epoch": (summary.get("metric") or {}).get("epoch"),
        "largest fall between two validations": max(
            (a - b for a, b in zip(dices, dices[1:], strict=False)), default=0.0
        ),
        "Dice on the original grid": (evaluated.get("metrics") or {}).get("dice", math.nan),
        "steps left out (incidents)": len(read_json_lines(folder / INCIDENTS)),
        "losses not finite": sum(line["nonfinite_losses"] for line in epochs),
        "largest gradient norm": max((line["grad_norm_max"] or 0.0 for line in epochs), default=math.nan),
        "seconds of training steps": sum(line["seconds"] for line in epochs),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs=2, type=Path)
    parser.add_argument("--names", nargs=2, help="default: the names of the bundles")
    parser.add_argument("--output", type=Path, help="draw the curves into this PNG")
    args = parser.parse_args()
    names = args.names or [(read_json(run / SUMMARY) or {}).get("bundle") or run.name for run in args.runs]
    columns = [facts(run) for run in args.runs]
    print(f"| | {' | '.join(names)} |\n|---|---|---|")
    for name in columns[0]:
        cells = (f"{of[name]:.4g}" if isinstance(of[name], float) else str(of[name]) for of in columns)
        print(f"| {name} | {' | '.join(cells)} |")
    if args.output:
        drawn = panels({name: read_json_lines(run / HISTORY) for name, run in zip(names, args.runs, strict=True)})
        print(f"wrote {write_bytes(args.output, draw_curves(drawn))}")


if __name__ == "__main__":
    main()
