"""``dataset.json`` of the Medical Segmentation Decathlon: which volumes there are, as the release says.

    {"name": "Lung", "tensorImageSize": "3D", "modality": {"0": "CT"}, "labels": {"0": "background", "1": "cancer"},
     "numTraining": 63, "numTest": 32, "test": ["./imagesTs/lung_010.nii.gz", ...],
     "training": [{"image": "./imagesTr/lung_053.nii.gz", "label": "./labelsTr/lung_053.nii.gz"}, ...]}

The later form of nnU-Net (``channel_names``, labels by name, no list of volumes) is read, too.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .findings import Findings

FILE_NAME = "dataset.json"


@dataclass
class Listing:
    """Volumes that dataset.json names, as it writes them; None where it lists none."""

    training: list[tuple[str, str]] | None = None  # image, label
    test: list[str] | None = None
    findings: Findings = field(default_factory=Findings)


def read_listing(root: Path) -> Listing:
    """Read ``root/dataset.json``; problems are in the listing's findings, and without the file it is empty."""
    listing = Listing()
    path = root / FILE_NAME
    if not path.is_file():
        listing.findings.warning(f"there is no {FILE_NAME}: images and labels are paired by their names")
        return listing
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        listing.findings.problem(f"{FILE_NAME} cannot be read ({error}); copy it again, or remove it to pair by name")
        return listing
    if not isinstance(data, dict):
        listing.findings.problem(f"{FILE_NAME} must hold one object, found a {type(data).__name__}; copy it again")
        return listing
    _check_task(data, listing.findings)
    _read_training(data, listing)
    _read_test(data, listing)
    return listing


def _check_task(data: dict[str, Any], findings: Findings) -> None:
    """Whether this is CT with a background and one tumour."""
    channels = data.get("modality", data.get("channel_names"))
    if channels is not None and (
        not isinstance(channels, dict) or [str(v).upper() for v in channels.values()] != ["CT"]
    ):
        findings.problem(f"{FILE_NAME}: modality must be one channel, CT, found {channels}; is this Task06_Lung?")
    labels = data.get("labels")
    if labels is None:
        return
    keys = [str(key) for key in labels] if isinstance(labels, dict) else []
    values = [str(value) for value in labels.values()] if isinstance(labels, dict) else []
    if sorted(keys) != ["0", "1"] and sorted(values) != ["0", "1"]:
        findings.problem(
            f"{FILE_NAME}: labels must be 0 and 1 (background, tumour), found {labels}; is this Task06_Lung?"
        )


def _read_training(data: dict[str, Any], listing: Listing) -> None:
    if data.get("training") is not None:
        listing.training = []
        entries = _entries(data, "training", listing.findings)
        for entry in entries:
            pair = (entry.get("image"), entry.get("label")) if isinstance(entry, dict) else (None, None)
            if all(isinstance(value, str) for value in pair):
                listing.training.append(pair)
            else:
                listing.findings.problem(f"{FILE_NAME}: a training entry needs image and label, found {entry!r:.200}")
        _check_count(data, "numTraining", "training", len(entries), listing.findings)


def _read_test(data: dict[str, Any], listing: Listing) -> None:
    if data.get("test") is not None:
        listing.test = []
        entries = _entries(data, "test", listing.findings)
        for entry in entries:
            name = entry.get("image") if isinstance(entry, dict) else entry
            if isinstance(name, str):
                listing.test.append(name)
            else:
                listing.findings.problem(f"{FILE_NAME}: a test entry must be a file name, found {entry!r:.200}")
        _check_count(data, "numTest", "test", len(entries), listing.findings)


def _entries(data: dict[str, Any], part: str, findings: Findings) -> list[Any]:
    """The entries of a part, without those of macOS files."""
    entries = data[part] if isinstance(data[part], list) else [data[part]]
    good = [entry for entry in entries if "/._" not in str(entry)]
    if len(good) < len(entries):
        findings.warning(f"{FILE_NAME}: {len(entries) - len(good)} {part} entries name macOS files (._*), passed over")
    return good


def _check_count(data: dict[str, Any], key: str, part: str, found: int, findings: Findings) -> None:
    if key in data and data[key] != found:
        findings.problem(
            f"{FILE_NAME}: {key} must be the number of {part} entries, found {data[key]!r:.40} for {found}; "
            "entries may be missing: unpack the release again, or correct the number"
        )
