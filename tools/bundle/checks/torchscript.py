"""TorchScript of the network computes what the network computes."""

from .parity import problems
from .subject import Subject


def check(subject: Subject) -> list[str]:
    """Return how far TorchScript is from eager."""
    return problems(subject, "torchscript", "look for a branch on torch.jit.is_scripting() or on a Python value")
