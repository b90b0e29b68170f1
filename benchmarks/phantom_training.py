"""Train small 2D networks on phantom slices: what the gates of the phantom compare."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from monai.losses import DiceCELoss
from monai.networks.nets import BasicUNet
from torch import nn

from tools.datasets.phantom_grades import grade_named
from tools.datasets.phantom_patient import phantom_patient

WINDOW_HU = (-1000.0, 400.0)
BATCH = 8


@dataclass(frozen=True)
class Volume:
    """One phantom ready for a network: image in [0, 1], target of 0 and 1, and HU, all (Z, H, W)."""

    image: torch.Tensor
    target: torch.Tensor
    hu: np.ndarray


def load(
    grade: str, indices: range, seed: int, pixel_mm: float, crop: tuple[int, int], thickness_mm: float | None = None,
    without: tuple[str, ...] = (),
) -> list[Volume]:  # fmt: skip
    """Make phantoms and cut the middle `crop` pixels (rows, columns), which hold both lungs."""
    volumes = []
    for index in indices:
        patient = phantom_patient(
            grade_named(grade), index, seed, pixel_mm=pixel_mm, thickness_mm=thickness_mm, without=without
        )
        top, left = ((n - c) // 2 for n, c in zip(patient.image.shape[1:], crop, strict=True))
        cut = np.s_[:, max(top, 0) : max(top, 0) + crop[0], max(left, 0) : max(left, 0) + crop[1]]
        hu, mask = patient.image[cut], patient.mask[cut]
        short = [(0, 0)] + [(0, c - n) for c, n in zip(crop, hu.shape[1:], strict=True)]
        hu, mask = np.pad(hu, short, constant_values=-1000), np.pad(mask, short)
        image = np.clip((hu - WINDOW_HU[0]) / (WINDOW_HU[1] - WINDOW_HU[0]), 0, 1).astype(np.float32)
        volumes.append(Volume(torch.from_numpy(image), torch.from_numpy(mask.astype(np.float32)), hu))
    return volumes


def small_unet() -> nn.Module:
    """A U-Net of 0.5 M parameters that sees nearly the whole slice. Batch norm: instance norm would leak context."""
    norm = ("batch", {"affine": True})
    return BasicUNet(2, 1, 1, features=(12, 16, 32, 64, 96, 12), norm=norm, act=("relu", {"inplace": True}))


def local_network() -> nn.Module:
    """Five 3x3 convolutions: each output pixel sees 11 x 11 pixels and nothing else."""
    layers: list[nn.Module] = []
    for number in range(5):
        layers += [nn.Conv2d(1 if number == 0 else 24, 24, 3, padding=1, bias=False), nn.BatchNorm2d(24), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(24, 1, 1))


class Trainer:
    """Trains a network on slices, half of them with tumour; `run` goes on where it stopped."""

    def __init__(
        self,
        network: nn.Module,
        volumes: list[Volume],
        steps: int,
        seed: int = 0,
        lr: float = 3e-3,
        device: str = "cpu",
    ) -> None:
        self.network, self.seconds, self._device = network.to(device).train(), 0.0, device
        self._rng = np.random.default_rng(seed)
        places = [(v, z, bool(v.target[z].any())) for v in volumes for z in range(len(v.image))]
        self._pools = [[p for p in places if p[2]], [p for p in places if not p[2]]]
        self._optimizer = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=1e-4)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(self._optimizer, lr, total_steps=steps, pct_start=0.1)
        self._loss, self._left = DiceCELoss(sigmoid=True, batch=True), steps

    def run(self, steps: int) -> None:
        """Take so many steps, or those that are left."""
        start = time.perf_counter()
        for _ in range(min(steps, self._left)):
            picked = [pool[self._rng.integers(len(pool))] for pool in self._pools * (BATCH // 2)]
            image = torch.stack([v.image[z] for v, z, _ in picked])[:, None]
            target = torch.stack([v.target[z] for v, z, _ in picked])[:, None]
            image, target = _augment(image.to(self._device), target.to(self._device), self._rng)
            self._optimizer.zero_grad(set_to_none=True)
            self._loss(self.network(image), target).backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self._optimizer.step()
            self._schedule.step()
        self._left -= min(steps, self._left)
        self.seconds += time.perf_counter() - start


def _augment(image: torch.Tensor, target: torch.Tensor, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Flip, turn by up to 30 degrees, scale and shift a batch (B, 1, H, W), and change its brightness a little."""
    both = torch.cat([image, target], 1)
    both = both.flip([axis for axis in (-2, -1) if rng.uniform() < 0.5])
    size, ratio = len(both), both.shape[-1] / both.shape[-2]
    draws = rng.uniform((-0.5, 0.8, -0.2, -0.2), (0.5, 1.2, 0.2, 0.2), (size, 4)).astype(np.float32)
    turn, scale, *shift = torch.from_numpy(draws).to(image.device).unbind(1)
    cos, sin = torch.cos(turn) * scale, torch.sin(turn) * scale
    rows = [torch.stack([cos, -sin / ratio, shift[0]], 1), torch.stack([sin * ratio, cos, shift[1]], 1)]
    places = nn.functional.affine_grid(torch.stack(rows, 1), list(both.shape), align_corners=False)
    both = nn.functional.grid_sample(both, places, align_corners=False)
    return both[:, :1] + 0.03 * float(rng.standard_normal()), (both[:, 1:] > 0.5).float()


@torch.inference_mode()
def dice_per_patient(network: nn.Module, volumes: list[Volume]) -> list[float]:
    """Dice over all slices of each patient who has a tumour, probability cut at 0.5."""
    network.eval()
    device = next(network.parameters()).device
    scores = []
    for volume in volumes:
        if volume.target.any():
            parts = volume.image[:, None].split(16)
            mask = torch.cat([(network(part.to(device)) > 0).cpu() for part in parts])[:, 0]
            both = (mask & (volume.target > 0)).sum()
            scores.append(float(2 * both / (mask.sum() + (volume.target > 0).sum())))
    return scores
