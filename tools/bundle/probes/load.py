"""MONAI's `load` and `create_workflow` on a bundle, from a folder that has nothing to do with it."""

import inspect
import os

import torch
from monai.bundle import create_workflow, load


def probe(argument: dict) -> list[str]:
    """Return what is wrong with the networks of the bundle ``root``: code from another place.

    When ``thorough``, also of `create_workflow`, and whether the weights are those of the file.
    """
    root = os.path.realpath(argument["root"])
    parent, name = os.path.split(root)
    weights = torch.load(os.path.join(root, "models", "model.pt"), weights_only=True)
    problems = []
    for kind in argument["kinds"]:
        network = load(name=name, bundle_dir=parent, workflow_type=kind, device="cpu")
        problems += [f"load(workflow_type='{kind}'): {text}" for text in wrong(network, root)]
        if argument["thorough"]:
            problems += [f"load(workflow_type='{kind}'): {text}" for text in other_weights(network, weights)]
    if argument["thorough"]:
        file = os.path.join(root, "configs", "inference.json")
        network = create_workflow(config_file=file, workflow_type="inference").network_def
        problems += [f"create_workflow('inference.json').network_def: {text}" for text in wrong(network, root)]
    return problems


def wrong(network: torch.nn.Module, root: str) -> list[str]:
    """Return whether the network's class comes from a file of the bundle, as the packed copy promises."""
    file = os.path.realpath(inspect.getfile(type(network)))
    return [] if file.startswith(root + os.sep) else [f"{type(network).__name__} comes from {file}, not from {root}"]


def other_weights(network: torch.nn.Module, weights: dict) -> list[str]:
    """Return whether the network's weights are those of the file, every one of them."""
    state = network.state_dict()
    differ = sorted(key for key in {*state, *weights} if key not in state or key not in weights)
    differ += sorted(key for key in set(state) & set(weights) if not torch.equal(state[key].cpu(), weights[key].cpu()))
    return [f"{len(differ)} weights are not those of models/model.pt, first {differ[0]}"] if differ else []
