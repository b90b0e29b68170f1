"""Tables in Markdown that are made from the metadata of bundles."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .metadata_file import read_metadata

COLLECTION_BLOCK = "bundles"


def bundle_tables(facts: dict[str, Any]) -> dict[str, str]:
    """Return the tables of a bundle's docs/README.md by the name of their block."""
    return {
        "labels": labels_table(facts),
        "tensors": tensors_table(facts),
        "packages": packages_table(facts),
        "versions": versions_table(facts),
    }


def labels_table(facts: dict[str, Any]) -> str:
    """Return a table with a row a label of the first output."""
    return table(("label", "structure"), sorted(labels(facts).items(), key=lambda pair: int(pair[0])))


def tensors_table(facts: dict[str, Any]) -> str:
    """Return a table with a row an input or output of the network."""
    rows = []
    for part, word in (("inputs", "input"), ("outputs", "output")):
        for name, tensor in facts["network_data_format"][part].items():
            shape = " x ".join(map(str, (tensor["num_channels"], *tensor["spatial_shape"])))
            values = " to ".join(map(str, tensor["value_range"])) or "any"
            meaning = ", ".join(f"{key} {text}" for key, text in tensor["channel_def"].items())
            rows.append((f"{word} `{name}`", tensor["type"], shape, tensor["dtype"], values, meaning))
    return table(("tensor", "kind", "channels and size", "dtype", "values", "meaning"), rows)


def packages_table(facts: dict[str, Any]) -> str:
    """Return a table with a row a Python package that the bundle needs."""
    packages = {"monai": facts["monai_version"], "torch": facts["pytorch_version"], "numpy": facts["numpy_version"]}
    return table(("package", "version"), (packages | facts["required_packages_version"]).items())


def versions_table(facts: dict[str, Any]) -> str:
    """Return a table with a row a version, the newest first."""
    rows = sorted(facts["changelog"].items(), key=lambda pair: version_key(pair[0]), reverse=True)
    return table(("version", "what changed"), rows)


def collection_table(bundles: Iterable[Path]) -> str:
    """Return a table with a row a bundle; links are relative to the folder that holds ``bundles``."""
    rows = []
    for bundle in bundles:
        facts = read_metadata(bundle)
        link = f"[{bundle.name}](bundles/{bundle.name}/docs/README.md)"
        structures = ", ".join(f"{key} {text}" for key, text in labels(facts).items())
        rows.append((link, facts["input"], structures, facts["data_source"].split(",")[0], result(bundle, facts)))
    return table(("bundle", "input", "output labels", "data", "result"), rows)


def labels(facts: dict[str, Any]) -> dict[str, str]:
    """Return the names of the labels or classes by their value, as MONAI Label reads them."""
    return next(iter(facts["network_data_format"]["outputs"].values()))["channel_def"]


def result(bundle: Path, facts: dict[str, Any]) -> str:
    """Return the published scores in one line, or that there are none.

    Weights are published where ``large_files.yml`` says where they are, or the metadata (``weights``) that git holds
    them; a file in ``models`` may be anybody's own training.
    """
    scores = ", ".join(f"{name} {value}" for name, value in facts["eval_metrics"].items())
    published = (bundle / "large_files.yml").is_file() or facts.get("weights")
    weights = "" if published else "no published weights yet"
    return "; ".join(filter(None, (scores, weights))) or "no score stated"


def version_key(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, to sort by."""
    return tuple(int(number) for number in version.split("."))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; a bar inside a cell is escaped."""
    lines = [table_row(head), f"|{'---|' * len(head)}", *map(table_row, rows)]
    return "\n".join(lines)


def table_row(cells: Sequence[object]) -> str:
    """Return one line of a Markdown table."""
    texts = (" ".join(str(cell).split()).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(texts)} |"
