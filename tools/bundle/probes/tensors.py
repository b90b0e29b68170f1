"""What the network is really given by preprocessing and inferer, and what comes out of it."""

import torch
from monai.bundle import create_workflow

SLICES = 2  # of a volume that a two-dimensional network sees slice by slice


def probe(argument: dict) -> dict:
    """Run the inference configuration ``config`` on a scan of ``scans``, a few slices of it for a 2D network.

    Returns:
        shape, low and high of ``input`` (the whole preprocessed scan counts for its range), ``output`` (of the network)
        and ``activated`` (after Activations); the names of the activations; top-level numbers that are facts as well.
    """
    overrides = {"dataset_dir": argument["scans"], "load_pretrain": False}
    workflow = create_workflow(config_file=argument["config"], workflow_type="infer", logging_file=False, **overrides)
    item = workflow.dataset[0][argument["input"]]
    image = middle(item) if item.ndim - 1 > argument["spatial_dims"] else item
    network = workflow.parser.get_parsed_content("network").eval()
    seen: list[torch.Tensor] = []
    made: list[torch.Tensor] = []

    def keep(module: torch.nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        seen.append(inputs[0])
        made.append(output)

    network.register_forward_hook(keep)
    device = next(network.parameters()).device
    with torch.no_grad():
        pred = workflow.inferer(image[None].to(device), network)
    steps = [step for step in workflow.postprocessing.transforms if type(step).__name__ == "Activationsd"]
    activated = {argument["output"]: pred[0].as_tensor() if hasattr(pred, "as_tensor") else pred[0]}
    for step in steps:
        activated = step(activated)
    return {
        "input": facts(seen[0].shape, [item, *seen]),
        "output": facts(made[0].shape, made),
        "activated": facts(pred.shape, [activated[argument["output"]]]),
        "activations": sorted({name for step in steps for name in ("sigmoid", "softmax") if any(getattr(step, name))}),
        "img_size": workflow.parser.get("img_size"),
    }


def middle(volume: torch.Tensor) -> torch.Tensor:
    """Return a few slices around the middle of the last axis."""
    first = max(0, (volume.shape[-1] - SLICES) // 2)
    return volume[..., first : first + SLICES]


def facts(shape: torch.Size, tensors: list[torch.Tensor]) -> dict:
    """Return a shape with the range of values of some tensors."""
    lows, highs = zip(*((float(tensor.min()), float(tensor.max())) for tensor in tensors), strict=True)
    return {"shape": list(shape), "low": min(lows), "high": max(highs)}
