"""The exported forms of a network against eager."""

import io
import os
from collections.abc import Callable, Sequence

import torch
from monai.bundle import create_workflow


def probe(argument: dict) -> list[tuple[float, float]]:
    """Compare eager with ``form`` (torchscript, onnx) on an input of each of ``shapes``.

    Returns:
        For each shape the largest difference, and the largest value that eager gives.
    """
    torch.manual_seed(0)
    workflow = create_workflow(config_file=argument["config"], workflow_type="infer", logging_file=False)
    network = workflow.network_def.cpu().eval()
    network.load_state_dict(torch.load(argument["weights"], weights_only=True))
    shapes, compared = argument["shapes"], []
    with torch.no_grad():
        exported = torchscript(network) if argument["form"] == "torchscript" else onnx(network, shapes)
        for shape in shapes:
            image = torch.rand(shape)
            pairs = list(zip(tensors(network(image)), tensors(exported(image)), strict=True))
            far = max(float((eager - other).abs().max()) for eager, other in pairs)
            compared.append((far, max(float(eager.abs().max()) for eager, _ in pairs)))
    return compared


def torchscript(network: torch.nn.Module) -> Callable:
    """Return the scripted network, saved and loaded again."""
    stored = io.BytesIO()
    torch.jit.save(torch.jit.script(network), stored)
    stored.seek(0)
    return torch.jit.load(stored)


def onnx(network: torch.nn.Module, shapes: Sequence[Sequence[int]]) -> Callable:
    """Return the network run by onnxruntime; an axis that differs between the shapes is left free."""
    import onnxruntime

    free = {axis: torch.export.Dim.DYNAMIC for axis, sizes in enumerate(zip(*shapes, strict=True)) if len({*sizes}) > 1}
    # an axis of length one would be taken as a constant
    image, file = torch.rand(shapes[-1]), os.path.join(os.getcwd(), "network.onnx")
    torch.onnx.export(network, (image,), file, dynamic_shapes=(free,), verbose=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda tensor: [torch.from_numpy(array) for array in session.run(None, {name: tensor.numpy()})]


def tensors(output: object) -> list[torch.Tensor]:
    """Return the tensors of what a network returned: one, several, or several by name."""
    if isinstance(output, torch.Tensor):
        return [output]
    return [tensor for part in (output.values() if isinstance(output, dict) else output) for tensor in tensors(part)]
