"""A bundle like aura_v3 with a network that runs in a moment, true in every file: to pack, to verify and to break."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.bundle.generated_block import with_block
from tools.bundle.metadata_file import read_metadata
from tools.bundle.tables import bundle_tables

REPOSITORY = Path(__file__).resolve().parents[2]
NAME = "aura_v3"
TINY_NETWORK = {"hidden_size": 48, "mlp_dim": 48, "num_layers": 4, "num_heads": 4, "decoder_channels": [16, 12, 8, 8]}
TINY = {"img_size": [64, 64], "spacing_mm": [6.0, 6.0]}


def tiny_bundle(folder: Path) -> Path:
    """Write the bundle as ``folder/aura_v3`` and return that folder."""
    bundle = folder / NAME
    ignore = shutil.ignore_patterns("models", "eval")
    shutil.copytree(REPOSITORY / "bundles" / NAME, bundle, ignore=ignore)
    for name in ("train", "inference"):
        edit(bundle / "configs" / f"{name}.json", shrink)
    edit(bundle / "configs" / "metadata.json", shrink_facts)
    fill_tables(bundle)
    return bundle


def shrink(config: dict[str, Any]) -> None:
    config.update(TINY)
    config["network_def"].update(TINY_NETWORK)


def shrink_facts(facts: dict[str, Any]) -> None:
    facts.update(version="0.1.0", changelog={"0.1.0": "First version"})  # whatever version aura_v3 has by now
    for part in ("inputs", "outputs"):
        for tensor in facts["network_data_format"][part].values():
            tensor["spatial_shape"] = list(TINY["img_size"])


def fill_tables(bundle: Path) -> None:
    """Write the tables of docs/README.md anew, as `sync` does."""
    docs = bundle / "docs" / "README.md"
    text = docs.read_text(encoding="utf-8")
    for name, table in bundle_tables(read_metadata(bundle)).items():
        text = with_block(text, name, table)
    docs.write_text(text, encoding="utf-8")


def edit(path: Path, change: Callable[[Any], None]) -> None:
    """Apply ``change`` to the content of a JSON file, in place."""
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")
