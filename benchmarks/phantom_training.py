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
    """One phantom ready for a network: image (Z, H, W) in [0, 1], target (Z, H, W) of 0 and 1, and HU of the same grid."""

    image: torch.Tensor
    target: torch.Tensor
    hu: np.ndarray


def load(grade: str, indices: range, seed: int, pixel_mm: float, crop: tuple[int, int], without: tuple[str, ...] = ()
         ) -> list[Volume]:  # fmt: skip
    """Make phantoms and cut the middle `crop` pixels (rows, columns), which hold both lungs."""
    volumes = []
    for index in indices:
        patient = phantom_patient(grade_named(grade), index, seed, pixel_mm=pixel_mm, without=without)
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


def train(network: nn.Module, volumes: list[Volume], steps: int, seed: int = 0, lr: float = 3e-3) -> float:
    """Train on slices, half of them with tumour, flipped at random; returns the seconds taken."""
    rng, start = np.random.default_rng(seed), time.perf_counter()
    places = [(v, z, bool(v.target[z].any())) for v in volumes for z in range(len(v.image))]
    pools = [[p for p in places if p[2]], [p for p in places if not p[2]]]
    optimizer = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.1)
    loss_function = DiceCELoss(sigmoid=True, batch=True)
    network.train()
    for _ in range(steps):
        picked = [pools[k % 2][rng.integers(len(pools[k % 2]))] for k in range(BATCH)]
        image = torch.stack([v.image[z] for v, z, _ in picked])[:, None]
        target = torch.stack([v.target[z] for v, z, _ in picked])[:, None]
        if rng.uniform() < 0.5:
            image, target = image.flip(-1), target.flip(-1)
        image = image + 0.05 * float(rng.standard_normal())
        optimizer.zero_grad(set_to_none=True)
        loss_function(network(image), target).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return time.perf_counter() - start


@torch.inference_mode()
def dice_per_patient(network: nn.Module, volumes: list[Volume]) -> list[float]:
    """Dice over all slices of each patient who has a tumour, probability cut at 0.5."""
    network.eval()
    scores = []
    for volume in volumes:
        if volume.target.any():
            mask = torch.cat([network(part[:, None]) > 0 for part in volume.image.split(16)])[:, 0]
            both = (mask & (volume.target > 0)).sum()
            scores.append(float(2 * both / (mask.sum() + (volume.target > 0).sum())))
    return scores
