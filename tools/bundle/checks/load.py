"""MONAI's Python functions give the bundle's network with the bundle's weights."""

from .subject import Subject

ADVICE = "network_def must be a class vendored with the bundle that takes every weight of models/model.pt as it is"


def check(subject: Subject) -> list[str]:
    """Return what `load` and `create_workflow` give that is not the bundle's own, called from elsewhere."""
    wrong = subject.probe("load", root=subject.root, kinds=["train", "inference"], thorough=True)
    return [f"{problem}; {ADVICE}" for problem in wrong]
