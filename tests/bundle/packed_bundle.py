"""A tiny bundle with weights, packed and unpacked, and processes that know nothing of this repository."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser

from tests.bundle.tiny_bundle import tiny_bundle
from tools.bundle.pack import pack
from tools.bundle.vendoring import PACKAGE


def bundle_with_weights(folder: Path) -> Path:
    bundle = tiny_bundle(folder)
    parser = ConfigParser()
    parser.read_config(bundle / "configs" / "inference.json")
    (bundle / "models").mkdir()
    torch.save(parser.get_parsed_content("network_def").state_dict(), bundle / "models" / "model.pt")
    return bundle


def unpacked(bundle: Path, folder: Path, package: Path = PACKAGE) -> Path:
    """Pack a bundle and return the folder that its zip unpacks to, in ``folder``."""
    with zipfile.ZipFile(pack(bundle, folder / "dist", package=package)) as archive:
        archive.extractall(folder)
    return folder / bundle.name


def vendor_of(bundle: Path) -> str:
    return next(bundle.glob("aura_tools_*")).name


def python(cwd: Path, *words: Any) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with nothing of this repository on its path."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=cwd, env={**kept, "OMP_NUM_THREADS": "1", "PAGER": "cat"}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def probe(name: str, cwd: Path, *arguments: Any) -> dict[str, Any]:
    """Run a function of ``packed_probe.py`` in a clean process and return what it answers."""
    script = Path(__file__).with_name("packed_probe.py")
    done = python(cwd, "-I", script, name, *arguments)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
