"""Packed bundles for the server: a tiny one, and one whose code answers the opposite."""

import shutil
from pathlib import Path

import torch
from monai.bundle import ConfigParser

from tests.bundle.tiny_bundle import REPOSITORY, tiny_bundle
from tools.bundle.pack import pack

OPPOSITE = "aura_v3_opposite"
ANSWER = "return self.decoder(self.encoder(x))"


def bundle_with_weights(folder: Path) -> Path:
    """The tiny bundle with random weights that are far from undecided."""
    bundle = tiny_bundle(folder)
    parser = ConfigParser()
    parser.read_config(bundle / "configs" / "inference.json")
    torch.manual_seed(0)
    network = parser.get_parsed_content("network_def")
    state = network.state_dict()
    state["decoder.out.weight"] *= 200.0
    (bundle / "models").mkdir()
    torch.save(state, bundle / "models" / "model.pt")
    return bundle


def opposite_package(folder: Path) -> Path:
    """A copy of ``tools`` in which the network answers with the sign turned: another version of the shared code."""
    package = folder / "tools"
    shutil.copytree(REPOSITORY / "tools", package, ignore=shutil.ignore_patterns("__pycache__"))
    path = package / "networks" / "aura_vit.py"
    source = path.read_text(encoding="utf-8")
    assert source.count(ANSWER) == 1, "the network answers in another line now; replace that one here"
    path.write_text(source.replace(ANSWER, ANSWER.replace("self", "-self", 1)), encoding="utf-8")
    return package


def pack_both(folder: Path) -> tuple[Path, dict[str, Path]]:
    """The unpacked tiny bundle, and model name -> zip for it and for its opposite."""
    bundle = bundle_with_weights(folder)
    changed = opposite_package(folder / "changed")
    archives = {bundle.name: pack(bundle, folder / "dist"), OPPOSITE: pack(bundle, folder / "other", package=changed)}
    return bundle, archives
