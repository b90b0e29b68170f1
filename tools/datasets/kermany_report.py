"""What ``prepare kermany`` says when it is done: what to look at, and the numbers one should see."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from .conversion_report import findings_text
from .datalist import SPLITS
from .kermany_duplicates import Duplicates
from .kermany_folder import XrayFolder
from .kermany_names import SUBTYPES


def report_text(folder: XrayFolder, duplicates: Duplicates, data: Mapping[str, Any]) -> str:
    """The closing text, also kept as report.txt."""
    parts = [findings_text(data["name"], folder.summary, folder.problems, folder.cases)]
    nameless = sum(not case.xray.known for case in folder.cases)
    if nameless:
        parts.append(f"{nameless} image(s) have names without a patient number: each counts as a patient of its own")
    sizes = [case.facts.size for case in folder.good]
    if sizes:
        low, high = min(sizes, key=min), max(sizes, key=max)
        parts.append(f"sizes from {low[0]} x {low[1]} to {high[0]} x {high[1]} pixels (rows x columns)")
    parts.append(duplicates.text())
    if duplicates.groups:
        parts.append("  each of them: datalist.json, under source, duplicates")
    return "\n".join([*parts, _table(data)])


def _table(data: Mapping[str, Any]) -> str:
    """The numbers one should see: images by part and finding, patient numbers."""
    lines = [f"{'part':<11}{'images':>7}" + "".join(f"{name:>10}" for name in SUBTYPES) + f"{'patient numbers':>17}"]
    for part in SPLITS:
        counts = Counter(item["subtype"] for item in data[part])
        patients = len({item["patient"] for item in data[part]})
        numbers = "".join(f"{counts[name]:>10}" for name in SUBTYPES)
        lines.append(f"{part:<11}{len(data[part]):>7}{numbers}{patients:>17}")
    lines.append(f"divided by patient number, seed {data['seed']}; test/ is the official test part")
    lines.append(f"data fingerprint {data['fingerprint'][:16]}, converter {data['version']}")
    return "\n".join(lines)
