"""Run another inferer in mixed precision, on CUDA and on the CPU, and hand float32 back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from monai.inferers import Inferer, SimpleInferer

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class AutocastInferer(Inferer):
    """Wrap ``inferer`` in :func:`torch.autocast`; MONAI's own engines autocast on CUDA only.

    The answer is cast to float32 outside of autocast, so that a loss computes in full precision.

    Args:
        inferer: what to run; None for a plain forward pass.
        device_type: ``cpu`` or ``cuda``; None takes it from the input.
        dtype: ``bfloat16`` or ``float16``, as a name or a :class:`torch.dtype`.
        enabled: False runs the inferer as it is.

    """

    def __init__(
        self,
        inferer: Inferer | None = None,
        device_type: str | None = None,
        dtype: str | torch.dtype = "bfloat16",
        enabled: bool = True,
    ) -> None:
        super().__init__()
        name = str(dtype).removeprefix("torch.")
        if name not in DTYPES:
            raise ValueError(f"dtype must be one of {sorted(DTYPES)}, got {dtype!r}; use enabled=false for float32.")
        if device_type not in (None, "cpu", "cuda"):
            raise ValueError(f"device_type must be cpu, cuda or null, got {device_type!r}.")
        self.inferer = inferer if inferer is not None else SimpleInferer()
        self.device_type = device_type
        self.dtype = DTYPES[name]
        self.enabled = enabled

    def __call__(self, inputs: torch.Tensor, network: Callable, *args: Any, **kwargs: Any) -> Any:
        """Return what the inferer returns, with floating point tensors in float32 and their metadata kept."""
        with torch.autocast(self.device_type or inputs.device.type, dtype=self.dtype, enabled=self.enabled):
            outputs = self.inferer(inputs, network, *args, **kwargs)
        return _to_float32(outputs)


def _to_float32(outputs: Any) -> Any:
    """Cast floating point tensors, also inside tuples, lists and mappings."""
    if isinstance(outputs, torch.Tensor):
        return outputs.float() if outputs.is_floating_point() else outputs
    if isinstance(outputs, Mapping):
        return {name: _to_float32(value) for name, value in outputs.items()}
    if isinstance(outputs, (list, tuple)):
        return type(outputs)(_to_float32(value) for value in outputs)
    return outputs
