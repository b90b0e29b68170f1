"""``python -m tools demo``: the whole life of a bundle on a phantom."""

from pathlib import Path

PATIENTS = 32
OVERFIT_PATIENTS = 4


def run(
    bundle: str, patients: int | None = None, seed: int = 0, output: str | None = None, overfit: bool = False
) -> None:
    """Take a bundle through its whole life on a phantom in minutes: convert, train, evaluate, infer, report.

    Needs no data, no network and no GPU. Each step prints the command that does the same by hand. With --overfit a few
    patients are learnt by heart instead, which ends at a Dice of 0.95 or says that it failed.

    Example: python -m tools demo aura_v3

    Args:
        bundle: name of the bundle; `python -m tools list` shows those there are.
        patients: number of phantom patients. Default: 32, with --overfit 4.
        seed: of the phantom and the training.
        output: folder for results. Default: bundles/BUNDLE/eval/demo, with --overfit bundles/BUNDLE/eval/overfit.
        overfit: train and validate on the same few patients (configs/overfit.json).
    """
    from ..bundle.collection import bundle_folder
    from ..bundle.demo import Demo
    from ..bundle.overfit import Overfit

    kind, name, usual = (Overfit, "overfit", OVERFIT_PATIENTS) if overfit else (Demo, "demo", PATIENTS)
    folder = bundle_folder(bundle) / "eval" / name if output is None else Path(str(output)).resolve()
    print(kind(bundle, folder, usual if patients is None else patients, seed).run())
