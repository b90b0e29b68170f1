"""What metadata.json states about tensors, labels and packages is so."""

from typing import Any

from .package_facts import package_problems
from .parity import axis_length
from .subject import Subject

ACTIVATED = {"sigmoid": [0, 1], "softmax": [0, 1]}
# a stated range that is this many times wider than what a scan fills does not describe it
WIDEST = 4.0
ROUNDING = 1e-5
FIX = "correct configs/metadata.json"


def check(subject: Subject) -> list[str]:
    """Return what metadata.json states and a run on a small scan, the configurations or requirements.txt deny."""
    facts = subject.facts
    (input_name, image), *_ = facts["network_data_format"]["inputs"].items()
    (output_name, pred), *_ = facts["network_data_format"]["outputs"].items()
    seen = subject.probe(
        "tensors", config=subject.config_file("inference"), scans=subject.data.raw(facts["dataset"]),
        input=input_name, output=output_name, spatial_dims=len(image["spatial_shape"]),
    )  # fmt: skip
    problems = [*tensor_problems(f"inputs/{input_name}", image, seen["input"])]
    problems += tensor_problems(f"outputs/{output_name}", pred, seen["output"])
    problems += size_problems(image["spatial_shape"], seen["img_size"])
    problems += input_range_problems(f"inputs/{input_name}", image["value_range"], seen["input"])
    problems += output_range_problems(f"outputs/{output_name}", pred["value_range"], seen)
    problems += label_problems(f"outputs/{output_name}", pred, class_names(subject.config("train")))
    if len(image.get("channel_def", {})) != image["num_channels"]:
        problems.append(f"inputs/{input_name}: channel_def must describe each of {image['num_channels']} channels")
    return [f"{problem}; {FIX}" for problem in problems] + package_problems(subject)


def tensor_problems(place: str, stated: dict[str, Any], seen: dict[str, Any]) -> list[str]:
    """Return where channels or size of a tensor are not those of the network."""
    channels, *size = seen["shape"][1:]
    problems = []
    if channels != stated["num_channels"]:
        problems.append(f"{place}: num_channels is {stated['num_channels']}, the network has {channels}")
    if len(size) != len(stated["spatial_shape"]) or not all(map(fits, stated["spatial_shape"], size)):
        problems.append(f"{place}: spatial_shape is {stated['spatial_shape']}, the network has {size}")
    return problems


def fits(stated: int | str, length: int) -> bool:
    """Return whether the length of an axis is the stated one, or follows the stated pattern."""
    return stated == "*" or any(axis_length(stated, number) == length for number in range(1, 65))


def size_problems(spatial_shape: list[int | str], img_size: Any) -> list[str]:
    """Return whether the top-level ``img_size``, where there is one, is not what the metadata say."""
    if not isinstance(img_size, list) or img_size == spatial_shape:
        return []
    return [f"inputs: spatial_shape is {spatial_shape}, img_size in inference.json is {img_size}"]


def input_range_problems(place: str, stated: list[float], seen: dict[str, Any]) -> list[str]:
    """Return whether preprocessing makes values outside the stated range, or fills only a small part of it."""
    low, high = stated
    found = f"preprocessing of a scan gives {seen['low']:.4g} to {seen['high']:.4g}"
    if seen["low"] < low - ROUNDING or seen["high"] > high + ROUNDING:
        return [f"{place}: value_range is {stated}, {found}"]
    if high - low > WIDEST * (seen["high"] - seen["low"]):
        return [f"{place}: value_range {stated} is much wider than what comes, {found}"]
    return []


def output_range_problems(place: str, stated: list[float], seen: dict[str, Any]) -> list[str]:
    """Return whether the stated range is not that of the activation, or the output leaves it."""
    for activation in seen["activations"]:
        if stated != ACTIVATED[activation]:
            return [f"{place}: value_range is {stated}, {activation} gives {ACTIVATED[activation]}"]
    low, high = seen["activated"]["low"], seen["activated"]["high"]
    if stated and not stated[0] - ROUNDING <= low <= high <= stated[1] + ROUNDING:
        return [f"{place}: value_range is {stated}, the output after Activations goes from {low:.4g} to {high:.4g}"]
    return []


def label_problems(place: str, pred: dict[str, Any], names: list[str]) -> list[str]:
    """Return whether the table of labels has gaps, another length than the output, or other names than the metrics."""
    table, channels = pred.get("channel_def", {}), pred["num_channels"]
    problems = []
    if list(table) != [str(number) for number in range(len(table))] or len(set(table.values())) != len(table):
        problems.append(f"{place}: channel_def must give labels 0, 1, 2, ... names of their own, got {table}")
    if len(table) not in ({2} if channels == 1 else {channels, channels + 1}):
        problems.append(f"{place}: channel_def has {len(table)} labels for {channels} channels")
    foreground = [name for name in table.values() if name != "background"]
    if names and names not in (foreground, list(table.values())):
        problems.append(f"{place}: channel_def names {foreground}, the metrics in train.json {names}")
    return problems


def class_names(config: Any) -> list[str]:
    """Return the first ``class_names`` anywhere in a configuration."""
    parts = config.values() if isinstance(config, dict) else config if isinstance(config, list) else ()
    if isinstance(config, dict) and isinstance(config.get("class_names"), list):
        return config["class_names"]
    return next(filter(None, map(class_names, parts)), [])
