"""Variants of the X-ray bundle's training by five folds of patients and a held-out series, judged under corruptions.

python -m benchmarks.xray_folds DIR --output RESULTS.jsonl [--variants NAME ...] [--folds 0 1 2 3 4 series] [--table]

DIR is the data set as it comes, of which test/ is left alone. Each variant (benchmarks/xray_variants.py) is trained
for each fold with the bundle's own configuration, shorter and on smaller images, and then judged on the fold's
validation patients, as they are and corrupted (benchmarks/xray_corruptions.py). The fold "series" validates on normal
images of a series that was not trained on and on the ill ones of fold 0 (benchmarks/xray_series.py).

A line is added to RESULTS for each training; those that are there are not made again, so two processes with different
--folds can share the work. Lines do not say what they were made with: begin a new RESULTS when the configuration or a
variant has changed. --table prints what is there.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from monai.bundle import ConfigWorkflow
from monai.transforms import Compose
from tqdm import tqdm

from tools.report.binary_scores import auc
from tools.report.calibration import log_loss

from .xray_corruptions import CORRUPTIONS, corrupted
from .xray_pretraining import pretrain
from .xray_series import SERIES
from .xray_table import table
from .xray_variants import VARIANTS

BUNDLE = Path(__file__).resolve().parents[1] / "bundles" / "chest_xray_pneumonia_classification"
FOLDS = ("0", "1", "2", "3", "4", SERIES)
BATCH = 64
EVERY = 3  # so many validation images one is judged on: ten corruptions and their lung masks take 0.3 s an image
Parts = dict[str, tuple[torch.Tensor, np.ndarray]]


class Remembered:
    """A deterministic preprocessing that looks at each file once a process, whatever training asks."""

    memory: ClassVar[dict[str, dict]] = {}

    def __init__(self, transforms: list) -> None:
        self.compose = Compose(transforms)

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return the prepared item."""
        if item["image"] not in self.memory:
            self.memory[item["image"]] = self.compose(item)
        return dict(self.memory[item["image"]])


def trained(variant: str, fold: str, args: argparse.Namespace, folder: str) -> ConfigWorkflow:
    """Train one variant on one fold and return the workflow with the weights that the bundle would keep."""
    changes = dict(VARIANTS[variant])
    pretraining = changes.pop("pretraining", 0)
    files = [str(BUNDLE / "configs" / f"{name}.json") for name in ("train", changes.pop("overlay", None)) if name]
    remembered = {"_target_": "benchmarks.xray_folds.Remembered", "transforms": "@preprocessing_steps"}
    number = 0 if fold == SERIES else int(fold)
    options = {
        "bundle_root": str(BUNDLE),
        "device": "cpu",
        "dataset_dir": str(args.source),
        "without_test": True,
        "fold": number,
        "eval_dir": folder,
        "ckpt_dir": f"{folder}/models",
        "img_size": [args.img_size] * 2,
        "max_epochs": args.epochs,
        "val_interval": args.epochs,
        "tta_rotations_deg": [0],  # answers without the turned views take a third of the time
        "seed": number,
        "amp": True,
        "resume": False,
        "train#preprocessing": remembered,
        "validate#preprocessing": remembered,
        "validate#handlers": [],
    }
    if fold == SERIES:
        options |= {
            f"{part}#dataset#data#_target_": "benchmarks.xray_series.datalist" for part in ("train", "validate")
        }
    workflow = ConfigWorkflow(files, workflow_type="train", logging_file=False, **{**options, **changes})
    workflow.initialize()
    if pretraining:
        network, dataset = (workflow.parser.get_parsed_content(name) for name in ("network", "train#dataset"))
        pretrain(network.stem, dataset, pretraining)
    workflow.run()
    workflow.finalize()
    weights = torch.load(f"{folder}/models/model.pt", map_location="cpu", weights_only=True)
    workflow.parser.get_parsed_content("network").load_state_dict(weights)
    return workflow


def validation_parts(workflow: ConfigWorkflow) -> Parts:
    """Return images with masks (N, 2, H, W) and their classes (N,) of the validation part, for each corruption."""
    steps = workflow.parser.get_parsed_content("preprocessing_steps")
    mask = next(place for place, step in enumerate(steps) if type(step).__name__ == "LungMaskd")
    read, finish = Compose(steps[:mask]), Compose(steps[mask:])
    found: dict[str, list] = {name: [] for name in CORRUPTIONS}
    for item in tqdm(workflow.parser.get_parsed_content("validate#dataset").data[::EVERY], desc="corrupt"):
        clean = read(item)
        for name, images in found.items():
            images.append(finish({**clean, "image": corrupted(clean["image"], name)}))
    return {
        name: (
            torch.stack([torch.as_tensor(item["image"]) for item in items]),
            np.array([int(item["label"]) for item in items]),
        )
        for name, items in found.items()
    }


@torch.inference_mode()
def scores(workflow: ConfigWorkflow, parts: Parts) -> dict[str, dict[str, float]]:
    """Return log-loss with both classes of equal weight, AUC, sensitivity and specificity at 0.5 of each corruption."""
    network, inferer = (workflow.parser.get_parsed_content(name) for name in ("network", "validate#inferer"))
    network.eval()
    found = {}
    for name, (images, classes) in parts.items():
        logits = torch.cat([inferer(batch, network).float() for batch in images.split(BATCH)])
        ill = logits.softmax(dim=1)[:, 1].double().numpy()
        of_class = [log_loss(classes[classes == k], ill[classes == k]) for k in (0, 1)]
        found[name] = {
            "log_loss": float(np.mean(of_class)),
            "auc": float(auc(classes, ill)),
            "sensitivity": float((ill[classes == 1] >= 0.5).mean()),
            "specificity": float((ill[classes == 0] < 0.5).mean()),
        }
    return found


def read(path: Path, settings: dict[str, int]) -> list[dict]:
    """Return the lines of trainings with these settings."""
    lines = path.read_text().splitlines() if path.is_file() else []
    return [line for line in map(json.loads, lines) if settings.items() <= line.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", help="folder with train/NORMAL and train/PNEUMONIA")
    parser.add_argument("--output", type=Path, required=True, help="a line of JSON for each training")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--folds", nargs="+", choices=FOLDS, default=FOLDS)
    parser.add_argument("--img_size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--table", action="store_true", help="print what is there and train nothing")
    args = parser.parse_args()
    if not args.table and args.source is None:
        parser.error(
            "DIR is needed to train, got none. Name the folder with train/, or give --table to print what is there"
        )
    settings = {"img_size": args.img_size, "epochs": args.epochs}
    for fold in [] if args.table else args.folds:
        parts: Parts | None = None
        for variant in args.variants:
            if any((line["variant"], line["fold"]) == (variant, fold) for line in read(args.output, settings)):
                continue
            with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
                workflow = trained(variant, fold, args, folder)
                parts = parts or validation_parts(workflow)
                line = {"variant": variant, "fold": fold, **settings}
                line["scores"] = scores(workflow, parts)
            with args.output.open("a") as file:
                file.write(json.dumps(line) + "\n")
    print(table(read(args.output, settings)))


if __name__ == "__main__":
    main()
