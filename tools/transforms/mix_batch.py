"""MixUp and CutMix of a whole batch, on its way into the network.

Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2017, https://arxiv.org/abs/1710.09412;
Yun et al., "CutMix", 2019, https://arxiv.org/abs/1905.04899
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from monai.engines import default_prepare_batch


class MixBatch:
    """Take image and label out of a batch and mix each image with another one of the batch.

    The ``prepare_batch`` of a trainer. MixUp: ``m x_i + (1 - m) x_j`` of all channels. CutMix: a rectangle of ``x_j``
    in ``x_i``, ``m`` the share of ``x_i`` that is left. Labels are mixed alike and become probabilities. ``m`` is drawn
    from Beta(alpha, alpha) by torch's global generator, which a resumable checkpoint holds. With both switched on one
    of them is drawn for each batch; with neither the labels stay class numbers.

    Args:
        num_classes: number of classes.
        mixup_alpha: 0 for no MixUp; 0.2 is mild, 1 is strong.
        cutmix_alpha: 0 for no CutMix.
        prob: share of batches that are mixed.

    Raises:
        ValueError: for an alpha below 0 or a share outside 0 to 1.
    """

    def __init__(
        self, num_classes: int = 2, mixup_alpha: float = 0.0, cutmix_alpha: float = 0.0, prob: float = 1.0
    ) -> None:
        if min(mixup_alpha, cutmix_alpha) < 0 or not 0 <= prob <= 1:
            raise ValueError(
                f"alphas must be 0 or more and prob from 0 to 1, got mixup_alpha={mixup_alpha}, "
                f"cutmix_alpha={cutmix_alpha}, prob={prob}"
            )
        self.num_classes = num_classes
        ways = [(mixup, mixup_alpha), (cutmix, cutmix_alpha)]
        self.ways = [(way, alpha) for way, alpha in ways if alpha > 0]
        self.prob = prob

    def __call__(
        self, batchdata: Mapping[str, Any], device: Any = None, non_blocking: bool = False, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return images (B, C, H, W) and labels, (B, num_classes) where anything can be mixed, else (B,)."""
        image, label = default_prepare_batch(batchdata, device, non_blocking, **kwargs)
        if not self.ways:
            return image, label
        target = F.one_hot(label.long(), self.num_classes).float()
        if float(torch.rand(())) >= self.prob:
            return image, target
        way, alpha = self.ways[int(torch.randint(len(self.ways), ()))]
        share = float(torch.distributions.Beta(alpha, alpha).sample())
        partner = torch.randperm(len(image)).to(image.device)
        image, share = way(image, image[partner], share)
        return image, share * target + (1 - share) * target[partner]


def mixup(image: torch.Tensor, other: torch.Tensor, share: float) -> tuple[torch.Tensor, float]:
    """Return the weighted mean of two batches, and the share of the first."""
    return share * image + (1 - share) * other, share


def cutmix(image: torch.Tensor, other: torch.Tensor, share: float) -> tuple[torch.Tensor, float]:
    """Return a batch with one rectangle of another in it, and the share of the first that is left.

    The rectangle lies wholly within the image, its sides in the proportion of the image's.
    """
    height, width = image.shape[2:]
    rows, columns = (round(length * (1 - share) ** 0.5) for length in (height, width))
    top, left = (int(torch.randint(free + 1, ())) for free in (height - rows, width - columns))
    mixed = image.clone()
    mixed[:, :, top : top + rows, left : left + columns] = other[:, :, top : top + rows, left : left + columns]
    return mixed, 1 - rows * columns / (height * width)
