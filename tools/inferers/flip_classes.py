"""Test-time augmentation of a classifier: the mean of the probabilities over mirror images, as logits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from monai.inferers import Inferer, SimpleInferer
from torch import nn


class FlipClasses(Inferer):
    """Average the class probabilities of an image and of its left-right mirror image.

    All channels are mirrored, so a lung mask in the second one goes along, and a network that cuts at the mask sees the
    sides swapped. The answer is ``log(mean(softmax(x)))``, whose softmax is the mean of the probabilities.

    Args:
        inferer: what runs the network; None for a plain forward pass.
        enabled: False runs the inferer as it is.
    """

    def __init__(self, inferer: Inferer | None = None, enabled: bool = True) -> None:
        super().__init__()
        self.inferer = inferer if inferer is not None else SimpleInferer()
        self.enabled = enabled

    def __call__(self, inputs: torch.Tensor, network: Callable, *args: Any, **kwargs: Any) -> Any:
        """Return logits (B, C) for images (B, channels, H, W)."""
        mean = _MirrorMean(network) if self.enabled else network
        return self.inferer(inputs, mean, *args, **kwargs)


class _MirrorMean(nn.Module):
    """A network that answers with the logits of its mean probabilities over both mirror images."""

    def __init__(self, network: Callable) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Return logits (B, C) in float32."""
        answers = [self.network(image, *args, **kwargs).float() for image in (inputs, inputs.flip(inputs.ndim - 1))]
        logs = torch.stack([torch.log_softmax(answer, dim=1) for answer in answers])
        return torch.logsumexp(logs, dim=0) - math.log(len(answers))
