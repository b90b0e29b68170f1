"""How the tests run a bundle: in this process, with its demo overlay, into a folder of their own."""

import json
from pathlib import Path
from typing import Any

import monai.bundle
import pytest
from monai.bundle import ConfigWorkflow

from tools.bundle.start import root_cause
from tools.bundle.task import classifies

REPOSITORY = Path(__file__).resolve().parents[2]


def configs(bundle: str, name: str) -> dict[str, Any]:
    return json.loads((REPOSITORY / "bundles" / bundle / "configs" / f"{name}.json").read_text(encoding="utf-8"))


BUNDLES = sorted(path.parents[1].name for path in REPOSITORY.glob("bundles/*/configs/metadata.json"))
CLASSIFIERS = [name for name in BUNDLES if classifies(configs(name, "metadata"))]
SEGMENTERS = [name for name in BUNDLES if name not in CLASSIFIERS]
OVERLAYS = {"train": ["train"], "evaluate": ["train", "evaluate"], "inference": ["inference"]}
# the smallest run that goes through everything
QUICK = {"max_epochs": 2, "slices_per_volume": 4, "batch_size": 4, "val_interval": 1}


def config_files(bundle: str, workflow: str, demo: bool = True) -> list[str]:
    names = [*OVERLAYS[workflow], *(["demo"] if demo else [])]
    return [str(REPOSITORY / "bundles" / bundle / "configs" / f"{name}.json") for name in names]


def folders(bundle: str, out: Path) -> dict[str, str]:
    root = str(REPOSITORY / "bundles" / bundle)
    return {
        "bundle_root": root,
        "eval_dir": str(out / "eval"),
        "ckpt_dir": str(out / "models"),
    }


def quick(bundle: str) -> dict[str, Any]:
    """What makes a training of a bundle short; a classifier has no slices to draw."""
    return {name: value for name, value in QUICK.items() if bundle in SEGMENTERS or name != "slices_per_volume"}


def run(bundle: str, workflow: str, out: Path, demo: bool = True, **overrides: Any) -> None:
    options = {**folders(bundle, out), **(quick(bundle) if workflow == "train" else {}), **overrides}
    monai.bundle.run(config_file=config_files(bundle, workflow, demo), **options)


def failure(bundle: str, workflow: str, out: Path, demo: bool = True, **overrides: Any) -> str:
    """The text that a user finds in the last line of a run that must fail."""
    try:
        run(bundle, workflow, out, demo, **overrides)
    except (RuntimeError, ValueError, OSError) as error:
        return " ".join(str(root_cause(error)).split())
    pytest.fail("the run was accepted")


def build(bundle: str, workflow: str, out: Path, **overrides: Any) -> ConfigWorkflow:
    kind = "train" if workflow == "train" else "infer"
    options = {**folders(bundle, out), **overrides}
    built = ConfigWorkflow(config_files(bundle, workflow), workflow_type=kind, logging_file=False, **options)
    built.initialize()
    return built
