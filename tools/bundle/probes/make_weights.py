"""Write weights that were never trained, whose outputs lie on both sides of 0."""

import json
from pathlib import Path

import torch
from monai.bundle import create_workflow


def probe(argument: dict) -> None:
    """Save ``network_def`` of the configuration ``config`` as the state dictionary ``file``."""
    torch.manual_seed(0)
    workflow = create_workflow(config_file=argument["config"], workflow_type="infer", logging_file=False)
    network = workflow.network_def.eval()
    facts = json.loads(Path(argument["config"]).with_name("metadata.json").read_text(encoding="utf-8"))
    image = next(iter(facts["network_data_format"]["inputs"].values()))
    spread(network, torch.rand(1, image["num_channels"], *image["spatial_shape"]))
    torch.save(network.state_dict(), argument["file"])


def spread(network: torch.nn.Module, image: torch.Tensor) -> None:
    """Scale the last layer so that its outputs have mean 0 and standard deviation 1.

    Fresh networks give outputs close to 0, all of one sign: masks would be empty and differences between exports small.
    """
    last: list[tuple[torch.nn.Module, torch.Tensor]] = []
    leaves = [module for module in network.modules() if isinstance(getattr(module, "weight", None), torch.nn.Parameter)]
    hooks = [leaf.register_forward_hook(lambda leaf, _, output: last.append((leaf, output))) for leaf in leaves]
    with torch.no_grad():
        network(image)
        layer, output = last[-1]
        scale = 1.0 / output.std().clamp(min=1e-6)
        layer.weight.mul_(scale)
        if getattr(layer, "bias", None) is not None:
            layer.bias.sub_(output.mean()).mul_(scale)
    for hook in hooks:
        hook.remove()
