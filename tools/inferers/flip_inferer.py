"""Test-time augmentation by mirroring: the mean of the probabilities over flips, as logits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from monai.inferers import Inferer, SimpleInferer
from torch import nn


class FlipInferer(Inferer):
    """Let ``inferer`` run a network that averages its own answers over mirrored windows.

    The windows are flipped, not the volume: the body is found once, and memory grows by one window.
    For logits ``x`` the answer is ``logit(mean(sigmoid(x)))``, computed in logarithms so that nothing saturates;
    with ``softmax`` it is ``log(mean(softmax(x)))``, whose softmax is the mean of the probabilities.

    Args:
        inferer: what to run; None for a plain forward pass.
        spatial_axes: the flips besides the identity, each one an axis (0 is the first spatial axis) or a list of axes.
        softmax: the channels exclude each other (softmax) instead of standing alone (sigmoid).

    """

    def __init__(
        self,
        inferer: Inferer | None = None,
        spatial_axes: Sequence[int | Sequence[int]] = (0, 1, (0, 1)),
        softmax: bool = False,
    ) -> None:
        super().__init__()
        self.inferer = inferer if inferer is not None else SimpleInferer()
        self.flips = [(axes,) if isinstance(axes, int) else tuple(axes) for axes in spatial_axes]
        if not self.flips or any(axis < 0 for axes in self.flips for axis in axes):
            raise ValueError(f"spatial_axes needs one flip or more with axes counted from 0, got {spatial_axes!r}.")
        self.softmax = softmax

    def __call__(self, inputs: torch.Tensor, network: Callable, *args: Any, **kwargs: Any) -> Any:
        """Return the logits of the mean probabilities, in the shape that the inferer gives."""
        return self.inferer(inputs, _FlipMean(network, self.flips, self.softmax), *args, **kwargs)


class _FlipMean(nn.Module):
    """A network that answers with the logits of its mean probabilities over flips of the input (N, C, *spatial)."""

    def __init__(self, network: Callable, flips: list[tuple[int, ...]], softmax: bool) -> None:
        super().__init__()
        self.network = network
        self.flips = flips
        self.softmax = softmax

    def forward(self, inputs: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Return logits (N, out, *spatial) in float32."""
        answers = [self.network(inputs, *args, **kwargs).float()]
        for axes in self.flips:
            dims = [axis + 2 for axis in axes]
            answers.append(self.network(inputs.flip(dims), *args, **kwargs).float().flip(dims))
        logits = torch.stack(answers)
        if self.softmax:
            return _log_mean(F.log_softmax(logits, dim=2))
        return _log_mean(F.logsigmoid(logits)) - _log_mean(F.logsigmoid(-logits))


def _log_mean(logarithms: torch.Tensor) -> torch.Tensor:
    """Return the logarithm of the mean over the first axis."""
    return torch.logsumexp(logarithms, dim=0) - math.log(len(logarithms))
