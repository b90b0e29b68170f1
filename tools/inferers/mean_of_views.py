"""Test-time augmentation of a classifier: the mean of the probabilities over views of an image, as logits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from monai.inferers import Inferer, SimpleInferer
from monai.networks.layers import AffineTransform
from monai.transforms.utils import create_rotate, create_translate
from torch import nn

MOST_DEGREES = 45


class MeanOfViews(Inferer):
    """Average the class probabilities of an image over its left-right mirror image and small rotations.

    Rotations are meant for networks trained on images that were nearly all turned a little, whose answers to images as
    they are differ from those to turned ones. All channels are mirrored and turned, so a lung mask in the second one
    goes along, and a network that cuts at the mask sees the sides swapped. Turning is bilinear, so the edge of a mask
    then lies between 0 and 1, and brings in 0 from outside. The answer is ``log(mean(softmax(x)))``, whose softmax is
    the mean of the probabilities.

    Args:
        inferer: what runs the network; None for a plain forward pass.
        flip: each view also as its mirror image.
        rotations_deg: a view for each angle, 0 for the image as it is; without 0 the image itself is no view.

    Raises:
        ValueError: when ``rotations_deg`` is empty or holds anything but numbers from -45 to 45.
    """

    def __init__(
        self, inferer: Inferer | None = None, flip: bool = True, rotations_deg: Sequence[float] = (0.0,)
    ) -> None:
        super().__init__()
        angles = rotations_deg if isinstance(rotations_deg, Sequence) and not isinstance(rotations_deg, str) else ()
        if not angles or not all(isinstance(a, (int, float)) and abs(a) <= MOST_DEGREES for a in angles):
            raise ValueError(
                f"rotations_deg must be a list of degrees from -{MOST_DEGREES} to {MOST_DEGREES}, got {rotations_deg}; "
                '--tta_rotations_deg "[0]" is the image as it is'
            )
        self.inferer = inferer if inferer is not None else SimpleInferer()
        self.flip = flip
        self.rotations_deg = tuple(angles)

    def __call__(self, inputs: torch.Tensor, network: Callable, *args: Any, **kwargs: Any) -> Any:
        """Return logits (B, C) for images (B, channels, H, W)."""
        alone = not self.flip and self.rotations_deg == (0,)
        mean = network if alone else _MeanOfViews(network, self.flip, self.rotations_deg)
        return self.inferer(inputs, mean, *args, **kwargs)


class _MeanOfViews(nn.Module):
    """A network that answers with the logits of its mean probabilities over views."""

    def __init__(self, network: Callable, flip: bool, rotations_deg: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.flip = flip
        self.rotations_deg = rotations_deg

    def forward(self, inputs: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Return logits (B, C) in float32."""
        views = [turned(inputs, angle) for angle in self.rotations_deg]
        views += [view.flip(inputs.ndim - 1) for view in views] if self.flip else []
        answers = [self.network(view, *args, **kwargs).float() for view in views]
        logs = torch.stack([torch.log_softmax(answer, dim=1) for answer in answers])
        return torch.logsumexp(logs, dim=0) - math.log(len(answers))


def turned(images: torch.Tensor, degrees: float) -> torch.Tensor:
    """Return images (B, C, H, W) turned about their centre, positive as ``monai.transforms.Rotate``; 0 outside."""
    if not degrees:
        return images
    centre = [(size - 1) / 2 for size in images.shape[2:]]
    there, back = (create_translate(2, [sign * place for place in centre], backend="torch") for sign in (1, -1))
    with torch.autocast(images.device.type, enabled=False):  # bfloat16 is too coarse for places
        matrix = there @ create_rotate(2, math.radians(degrees), backend="torch") @ back
        return AffineTransform(align_corners=False)(images, matrix.to(images))
