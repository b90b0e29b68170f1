"""The weights of a packed bundle: a file in the zip, or an entry of ``large_files.yml`` that says where to get it."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import yaml

LARGE_FILES = "large_files.yml"
MODEL = "models/model.pt"
# what training leaves beside the weights of a classifier, and inference calibrates its probabilities with
TEMPERATURE_PATH = "models/temperature.json"
FIELDS = {"path", "url", "hash_val", "hash_type"}


def large_files_reasons(bundle: Path) -> list[str]:
    """Return what is wrong with ``large_files.yml``, which MONAI's ``download_large_files`` reads; [] without one."""
    path = bundle / LARGE_FILES
    if not path.is_file():
        return []
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))["large_files"]
        return [reason for entry in entries for reason in _entry_reasons(entry)]
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        text = " ".join(str(error).split())
        return [f"{LARGE_FILES}: must be a list `large_files` of {', '.join(sorted(FIELDS))} ({text})"]


def weight_reasons(weights: Path, bundle: Path) -> list[str]:
    """Return what is wrong with a weight file that is to be packed.

    It must be a plain file that loads with ``weights_only=True``, and the one that ``large_files.yml`` names.
    """
    if weights.is_symlink() or weights.parent.is_symlink():
        return [f"{weights}: a symbolic link; put the file itself there"]
    if not weights.is_file():
        return [f"{weights}: no such file"]
    import torch

    try:
        content = torch.load(weights, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # a file of any kind fails anywhere in torch
        return [f"{weights}: does not load with weights_only=True ({str(error).splitlines()[0]})"]
    if not isinstance(content, dict) or not content or not all(torch.is_tensor(part) for part in content.values()):
        return [f"{weights}: must hold a state dictionary of tensors, as training writes it"]
    published = published_hash(bundle)
    if published and published != file_hash(weights):
        return [
            f"{weights}: not the file whose sha256 {LARGE_FILES} states ({published[:12]}...); pack the published one "
            "with --weights FILE, or state the new one"
        ]
    return []


def calibration(weights: Path) -> Path | None:
    """Return the file beside weights that holds their temperature; None without one.

    That of former weights, ``model.NAME.pt``, is ``temperature.NAME.json``.
    """
    kept = weights.stem.removeprefix("model") if weights.stem.startswith("model.") else ""
    path = weights.with_name(f"temperature{kept}.json")
    return path if path.exists() or path.is_symlink() else None


def calibration_reasons(path: Path) -> list[str]:
    """Return what is wrong with a temperature that is to be packed: it must be a number above 0 in a plain file."""
    if path.is_symlink():
        return [f"{path}: a symbolic link; put the file itself there"]
    try:
        value = float(json.loads(path.read_text(encoding="utf-8"))["temperature"])
    except (OSError, ValueError, KeyError, TypeError):
        value = math.nan
    if math.isfinite(value) and value > 0:
        return []
    return [f'{path}: must hold {{"temperature": a number above 0}}, as training writes it; remove it, or train again']


def published_hash(bundle: Path) -> str | None:
    """Return the sha256 that ``large_files.yml`` states for ``models/model.pt``; None when it has no such entry."""
    path = bundle / LARGE_FILES
    if not path.is_file() or large_files_reasons(bundle):
        return None
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))["large_files"]
    return next((entry["hash_val"] for entry in entries if entry["path"] == MODEL), None)


def file_hash(path: Path, kind: str = "sha256") -> str:
    """Return a hash of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def _entry_reasons(entry: dict[str, Any]) -> list[str]:
    place = f"{LARGE_FILES}, {entry.get('path')}"
    reasons = []
    if set(entry) != FIELDS:
        reasons.append(f"{place}: must have exactly {', '.join(sorted(FIELDS))}, got {', '.join(sorted(entry))}")
    path = str(entry.get("path", ""))
    if not path.startswith("models/") or ".." in path.split("/"):
        reasons.append(f"{place}: path must lie in models/")
    if not str(entry.get("url", "")).startswith("https://"):
        reasons.append(f"{place}: url must begin with https://, got '{entry.get('url')}'")
    digits = str(entry.get("hash_val", ""))
    if entry.get("hash_type") != "sha256" or len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        reasons.append(f"{place}: hash_type must be sha256 and hash_val its 64 lower-case hexadecimal digits in quotes")
    return reasons
