"""Segmentation, reconstruction and the price of the latent code in one loss.

Kingma and Welling, "Auto-Encoding Variational Bayes", 2013, https://arxiv.org/abs/1312.6114 (appendix B);
weights of the terms as in Higgins et al., "beta-VAE", 2017, https://openreview.net/forum?id=Sy2fzU9gl
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from .finite_dice_ce import FiniteDiceCELoss

NEEDED = ("logits", "reconstruction", "image", "mean", "log_variance")


class AuraVAELoss(nn.Module):
    """``DiceCE + reconstruction_weight * MSE + kl_weight * kl_factor * KL`` of what ``AuraVAE`` returns in training.

    The scales, on which the weights stand:

    - DiceCE: ``FiniteDiceCELoss`` over the batch, about 1.7 for an undecided network.
    - MSE: mean over batch, channels and voxels of the squared difference to an image in [0, 1].
    - KL: divergence from the standard normal distribution in nats, ``sum((mean ** 2 + exp(log_variance) - 1 -
      log_variance) / 2)`` over the elements of a latent vector, mean over tokens and batch. It does not depend on the
      batch size or the number of tokens; 0.01 means that a nat a token costs as much as 0.01 of DiceCE.

    ``parts`` holds the three terms of the last call before weighting, without a graph and on their device, and the
    weight that the KL had: ``History`` logs them apart. ``kl_factor`` is 1 unless a handler (``KLWarmUp``) moves it.

    Computed in float32, also under autocast. ``bad_samples`` is that of ``FiniteDiceCELoss``; a reconstruction or a
    latent vector that is not finite makes the loss NaN, for a guard to see.

    Args:
        reconstruction_weight: of the MSE.
        kl_weight: of the KL, after any warm-up.

    Raises:
        ValueError: for a weight below 0.
    """

    def __init__(self, reconstruction_weight: float = 0.1, kl_weight: float = 0.01) -> None:
        super().__init__()
        weights = {"reconstruction_weight": reconstruction_weight, "kl_weight": kl_weight}
        wrong = [f"{name} must be at least 0, got {weight}" for name, weight in weights.items() if not weight >= 0]
        if wrong:
            raise ValueError("; ".join(wrong) + ". 0 leaves the term out of the loss.")
        self.segmentation = FiniteDiceCELoss()
        self.reconstruction_weight = reconstruction_weight
        self.kl_weight = kl_weight
        self.kl_factor = 1.0
        self.parts: dict[str, torch.Tensor | float] = {}

    @property
    def bad_samples(self) -> torch.Tensor:
        """Number of samples left out of the segmentation term of the last call."""
        return self.segmentation.bad_samples

    def forward(self, input: Mapping[str, torch.Tensor], target: torch.Tensor) -> torch.Tensor:
        """Compare what the network returned in training mode with a target.

        Args:
            input: logits (B, C, *s), reconstruction and image (B, in_channels, *s), mean and log_variance (B, N, L).
            target: (B, C, *s) of 0 and 1, one channel per class.

        Returns:
            A scalar with a graph.

        Raises:
            TypeError: for logits alone, which a network in evaluation mode returns.
            ValueError: when shapes differ.
        """
        if not isinstance(input, Mapping) or any(name not in input for name in NEEDED):
            given = sorted(input) if isinstance(input, Mapping) else type(input).__name__
            raise TypeError(f"AuraVAELoss takes a mapping of {', '.join(NEEDED)}, got {given}: call network.train()")
        kl_weight = self.kl_weight * self.kl_factor
        with torch.autocast(input["mean"].device.type, enabled=False):
            segmentation = self.segmentation(input["logits"], target)
            reconstruction = mean_squared_error(input["reconstruction"], input["image"])
            kl = kl_divergence(input["mean"], input["log_variance"])
            loss = segmentation + self.reconstruction_weight * reconstruction + kl_weight * kl
        self.parts = {
            "loss_segmentation": segmentation.detach(),
            "loss_reconstruction": reconstruction.detach(),
            "loss_kl": kl.detach(),
            "kl_weight": kl_weight,
        }
        return loss

    def extra_repr(self) -> str:
        """Show the weights when printed; the fingerprint of a run is made of this text."""
        return f"reconstruction_weight={self.reconstruction_weight}, kl_weight={self.kl_weight}"


def mean_squared_error(reconstruction: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """Mean over all elements of the squared difference, in float32.

    Raises:
        ValueError: when the shapes differ.
    """
    if reconstruction.shape != image.shape:
        raise ValueError(
            f"reconstruction and image must have one shape, got {tuple(reconstruction.shape)} and "
            f"{tuple(image.shape)}. Rebuild every channel of the image."
        )
    return (reconstruction.float() - image.float()).square().mean()


def kl_divergence(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """KL from the standard normal distribution in nats: summed over the last axis, averaged over the others."""
    mean, log_variance = mean.float(), log_variance.float()
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(dim=-1).mean()
