"""Two versions of a bundle in one process: which code does each of them run?"""

import os
import sys

import torch
from monai.bundle import load


def probe(argument: dict) -> list[str]:
    """Load the bundles ``roots`` one after the other and the first again, and return where code is not their own.

    The modules of the bundles say in ``MARK`` which bundle they were written for.
    """
    roots = [os.path.realpath(root) for root in argument["roots"]]
    problems = []
    for root in (*roots, roots[0]):
        parent, name = os.path.split(root)
        network = load(name=name, bundle_dir=parent, device="cpu")
        problems += foreign(network, root, argument["marks"][roots.index(root)])
    return list(dict.fromkeys(problems))


def foreign(network: torch.nn.Module, root: str, mark: str) -> list[str]:
    """Return the classes of a network that were not loaded from its own bundle."""
    problems = []
    for kind in sorted({type(part) for part in network.modules()}, key=str):
        module = sys.modules[kind.__module__]
        file = os.path.realpath(getattr(module, "__file__", None) or "built in")
        if not hasattr(module, "MARK") and kind is not type(network):
            continue  # a class of torch or MONAI
        if not file.startswith(root + os.sep) or getattr(module, "MARK", None) != mark:
            problems.append(f"{kind.__name__} of the bundle in {os.path.dirname(root)} was loaded from {file}")
    return problems
