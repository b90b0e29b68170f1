"""``python -m tools prepare``: a release of a data set to files ready for training."""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

COMMON = ("skip_bad", "seed", "val_fraction")


def run(
    dataset: str,
    source: str,
    output: str,
    roi: str | None = None,
    skip_bad: bool = False,
    seed: int = 0,
    val_fraction: float = 0.2,
    test_fraction: float = 0.2,
    allow_empty: bool = False,
    spacing_mm: Sequence[float] | None = None,
    window_hu: Sequence[float] | None = None,
    allow_gaps: bool = False,
    without_test: bool = False,
) -> None:
    """Convert a data set as it was released into NIfTI files or images with a datalist, ready for training.

    Everything is checked first; all problems of all cases are reported at once. Nothing is written if there are any.
    A conversion that was interrupted continues where it stopped.

    Example: python -m tools prepare nsclc_radiomics --source ~/tcia/NSCLC-Radiomics --output data/nsclc

    Args:
        dataset: name of the data set; an unknown one is answered with those there are.
        source: folder with the release as downloaded, any folders inside.
        output: folder to write to; it gets datalist.json and one file per image and label.
        roi: regular expression for the name of the structure to take as target. Default: the data set's own.
        skip_bad: convert the good cases and list the others, instead of stopping.
        seed: of the split into training, validation and test patients.
        val_fraction: share of the patients for validation.
        test_fraction: share of the patients held back for the test part; 0 for none. Not where a release has one.
        allow_empty: take a case whose target has no contours as "no tumour" instead of as a problem.
        spacing_mm: of slices that are PNG pictures, distance of columns, rows and slices, for example "[0.8,0.8,2.5]".
        window_hu: of slices that are PNG pictures, Hounsfield units of the grey values 0 and 255, for example
            "[-1000,400]".
        allow_gaps: stack slices that are PNG pictures although some are missing.
        without_test: do without the test part that a release should have.

    Raises:
        ValueError: an unknown data set, or an option that it does not have.
    """
    from ..datasets.registry import dataset_entry

    options = {
        "skip_bad": skip_bad, "seed": seed, "val_fraction": val_fraction, "roi": None if roi is None else str(roi),
        "spacing_mm": spacing_mm, "window_hu": window_hu, "allow_gaps": allow_gaps, "without_test": without_test,
        "test_fraction": test_fraction, "allow_empty": allow_empty,
    }  # fmt: skip
    convert = dataset_entry(dataset).prepare()
    convert(Path(str(source)), Path(str(output)), **_options_of(dataset, convert, options))


def _options_of(dataset: str, convert: Callable, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that the converter has; those that were given, it must have."""
    defaults = {name: parameter.default for name, parameter in inspect.signature(run).parameters.items()}
    has = inspect.signature(convert).parameters
    wrong = [f"--{name}" for name, value in options.items() if name not in has and value != defaults[name]]
    if wrong:
        others = ", ".join(f"--{name}" for name in options if name in has and name not in COMMON)
        raise ValueError(
            f"prepare {dataset} has no {', '.join(wrong)}; beside those of all data sets it has {others or 'none'}"
        )
    return {name: value for name, value in options.items() if name in has and value is not None}
