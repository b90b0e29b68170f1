"""How the tests run a bundle: in this process, with its demo overlay, into a folder of their own."""

import json
from pathlib import Path
from typing import Any

import monai.bundle
from monai.bundle import ConfigWorkflow

REPOSITORY = Path(__file__).resolve().parents[2]
BUNDLES = sorted(path.parents[1].name for path in REPOSITORY.glob("bundles/*/configs/metadata.json"))
OVERLAYS = {"train": ["train"], "evaluate": ["train", "evaluate"], "inference": ["inference"]}
# the smallest run that goes through everything
QUICK = {"max_epochs": 2, "slices_per_volume": 4, "batch_size": 4, "val_interval": 1}


def config_files(bundle: str, workflow: str, demo: bool = True) -> list[str]:
    names = [*OVERLAYS[workflow], *(["demo"] if demo else [])]
    return [str(REPOSITORY / "bundles" / bundle / "configs" / f"{name}.json") for name in names]


def configs(bundle: str, name: str) -> dict[str, Any]:
    return json.loads((REPOSITORY / "bundles" / bundle / "configs" / f"{name}.json").read_text(encoding="utf-8"))


def folders(bundle: str, out: Path) -> dict[str, str]:
    root = str(REPOSITORY / "bundles" / bundle)
    return {
        "bundle_root": root,
        "eval_dir": str(out / "eval"),
        "ckpt_dir": str(out / "models"),
    }


def run(bundle: str, workflow: str, out: Path, **overrides: Any) -> None:
    options = {**folders(bundle, out), **(QUICK if workflow == "train" else {}), **overrides}
    monai.bundle.run(config_file=config_files(bundle, workflow), **options)


def build(bundle: str, workflow: str, out: Path, **overrides: Any) -> ConfigWorkflow:
    kind = "train" if workflow == "train" else "infer"
    options = {**folders(bundle, out), **overrides}
    built = ConfigWorkflow(config_files(bundle, workflow), workflow_type=kind, logging_file=False, **options)
    built.initialize()
    return built
