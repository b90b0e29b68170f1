"""``python -m tools demo``: the whole life of a bundle on a phantom."""

from pathlib import Path


def run(bundle: str, patients: int = 32, seed: int = 0, output: str | None = None) -> None:
    """Take a bundle through its whole life on a phantom in minutes: convert, train, evaluate, infer, report.

    Needs no data, no network and no GPU. Each step prints the command that does the same by hand.

    Example: python -m tools demo aura_v3

    Args:
        bundle: name of the bundle; `python -m tools list` shows those there are.
        patients: number of phantom patients.
        seed: of the phantom and the training.
        output: folder for results. Default: bundles/BUNDLE/eval/demo.
    """
    from ..bundle.collection import bundle_folder
    from ..bundle.demo import Demo

    folder = bundle_folder(bundle) / "eval" / "demo" if output is None else Path(str(output)).resolve()
    print(Demo(bundle, folder, patients, seed).run())
