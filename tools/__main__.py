"""One command line for the collection: ``python -m tools COMMAND``."""

import inspect
import sys
from collections.abc import Sequence
from pathlib import Path

import fire


def prepare(
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
        dataset: name of the data set; `python -m tools list` shows those there are.
        source: folder with the release as downloaded, any folders inside.
        output: folder to write to; it gets datalist.json and one file per image and label.
        roi: regular expression for the name of the structure to take as target. Default: the data set's own.
        skip_bad: convert the good cases and list the others, instead of stopping.
        seed: of the split into training, validation and test patients.
        val_fraction: share of the patients for validation.
        test_fraction: share of the patients held back for the test part; 0 for none.
        allow_empty: take a case whose target has no contours as "no tumour" instead of as a problem.
    """
    from .datasets.registry import dataset_entry

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


def demo(bundle: str, patients: int = 32, seed: int = 0, output: str | None = None) -> None:
    """Take a bundle through its whole life on a phantom in minutes: convert, train, evaluate, infer, report.

    Needs no data, no network and no GPU. Each step prints the command that does the same by hand.

    Example: python -m tools demo aura_v3

    Args:
        bundle: name of the bundle; `python -m tools list` shows those there are.
        patients: number of phantom patients.
        seed: of the phantom and the training.
        output: folder for results. Default: bundles/BUNDLE/eval/demo.
    """
    from .bundle.collection import bundle_folder
    from .bundle.demo import Demo

    folder = bundle_folder(bundle) / "eval" / "demo" if output is None else Path(str(output)).resolve()
    print(Demo(bundle, folder, patients, seed).run())


def report(output_dir: str) -> None:
    """Build report.html again from what a run has written to its output folder.

    Example: python -m tools report bundles/aura_v3/eval

    Args:
        output_dir: folder of a training, evaluation or inference run, with its summary.json.
    """
    from .report.report import build_report

    print(build_report(Path(str(output_dir))))


def list_all() -> None:
    """Show the bundles of this collection and the data sets that `prepare` can convert."""
    from .bundle.collection import listing
    from .datasets.registry import DATASETS

    print(listing())
    print("\ndata sets for `python -m tools prepare`")
    for name, entry in DATASETS.items():
        print(f"{name}  {entry.raw_form}; {entry.source}")


COMMANDS = {"prepare": prepare, "demo": demo, "report": report, "list": list_all}


def check_options(words: Sequence[str]) -> None:
    """Refuse options that a command does not have, before it starts: Fire would complain when it has ended.

    Raises:
        ValueError: naming them and those there are.
    """
    if not words or words[0] not in COMMANDS:
        return
    known = set(inspect.signature(COMMANDS[words[0]]).parameters)
    given = [word[2:].split("=")[0].replace("-", "_") for word in words[1:] if word.startswith("--") and word != "--"]
    unknown = sorted({name for name in given if name not in {*known, "help"} and name.removeprefix("no") not in known})
    if unknown:
        options = ", ".join(f"--{name}" for name in sorted(known))
        raise ValueError(f"unknown option: {', '.join(f'--{name}' for name in unknown)}; {words[0]} has {options}")


def main() -> None:
    """Run a command; what is wrong with the input is one line on standard error and exit status 2."""
    try:
        check_options(sys.argv[1:])
        fire.Fire(COMMANDS, name="tools")
    except (OSError, ValueError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; run the same command again to continue", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
