"""``python -m tools prepare``: a release of a data set to files ready for training."""

from pathlib import Path


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
        test_fraction: share of the patients held back for the test part; 0 for none.
        allow_empty: take a case whose target has no contours as "no tumour" instead of as a problem.
    """
    from ..datasets.registry import dataset_entry

    options = {} if roi is None else {"roi": str(roi)}
    convert = dataset_entry(dataset).prepare()
    convert(
        Path(str(source)),
        Path(str(output)),
        skip_bad=skip_bad,
        seed=seed,
        val_fraction=val_fraction,
        test_fraction=test_fraction,
        allow_empty=allow_empty,
        **options,
    )
