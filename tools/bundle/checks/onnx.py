"""ONNX of the network computes what the network computes."""

from .parity import problems
from .subject import Subject


def check(subject: Subject) -> list[str]:
    """Return how far ONNX is from eager."""
    return problems(subject, "onnx", "look for a branch on torch.compiler.is_exporting() or on a Python value")
