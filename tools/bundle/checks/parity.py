"""Exported forms compute what the network computes."""

import re

from .subject import Subject

TOLERANCE = 1e-4  # of the largest value where that is below one
BATCHES = (1, 2)


def problems(subject: Subject, form: str, advice: str) -> list[str]:
    """Return how far an exported form is from eager, when that is too far on one of two input sizes.

    Args:
        form: torchscript or onnx, also the name of the check.
        advice: what to look for in the network.
    """
    subject.exemption(form)
    tensor = next(iter(subject.facts["network_data_format"]["inputs"].values()))
    shapes = input_sizes(tensor["num_channels"], tensor["spatial_shape"])
    where = {"cwd": subject.folder(form), "config": subject.config_file("inference"), "weights": subject.weights}
    compared = subject.probe("parity", form=form, shapes=shapes, **where)
    found = [
        f"{far:.1e} for an input of {shape}, above {tolerance(largest):.0e}"
        for shape, (far, largest) in zip(shapes, compared, strict=True)
        if not far <= tolerance(largest)
    ]
    way_out = f'or state in metadata.json why not: "verification": {{"{form}": "reason"}}'
    return [f"{form} differs from eager by {', '.join(found)}; {advice}, {way_out}"] if found else []


def tolerance(largest: float) -> float:
    """Return how far an output may be off whose largest value is this.

    An untrained network may give a few hundredths, where a plain 1e-4 would let errors of a percent pass.
    """
    return TOLERANCE * min(1.0, largest)


def input_sizes(channels: int, spatial_shape: list[int | str]) -> list[list[int]]:
    """Return two input shapes, batch and channels first: another size where the metadata leaves one free ("32*n").

    Where they fix it, they differ in the batch.

    Example:
        >>> input_sizes(1, [256, 256])
        [[1, 1, 256, 256], [2, 1, 256, 256]]
        >>> input_sizes(3, ["32*n", 64])
        [[1, 3, 32, 64], [2, 3, 64, 64]]
    """
    return [[batch, channels, *(axis_length(size, batch) for size in spatial_shape)] for batch in BATCHES]


def axis_length(size: int | str, number: int) -> int:
    """Return the length of an axis for p = n = number, in MONAI's notation: 32, "32*n", "2**p*n", "*"."""
    if isinstance(size, int):
        return size
    if size.strip() == "*":
        return 64 * number
    length = 1
    for factor in re.split(r"(?<!\*)\*(?!\*)", size.replace(" ", "")):
        base, _, power = factor.partition("**")
        values = [number if word in ("n", "p") else int(word) for word in (base, power or "1")]
        length *= values[0] ** values[1]
    return length
