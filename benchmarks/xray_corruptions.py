"""What can happen to an X-ray on its way from another machine: corruptions of a grey image, the same each time.

After the idea of Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations", 2019, https://arxiv.org/abs/1903.12261; the strengths are ours: a reader still sees the chest.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
from monai.transforms import AdjustContrast, GaussianSmooth, Rotate, Zoom
from monai.utils import convert_to_tensor
from PIL import Image

Corruption = Callable[[torch.Tensor], torch.Tensor]


def noise(image: torch.Tensor) -> torch.Tensor:
    """Add Gaussian noise of 0.06 to an image (1, H, W) in [0, 1], the same for images of one size."""
    generator = torch.Generator().manual_seed(0)
    return image + 0.06 * torch.randn(image.shape, generator=generator)


def jpeg(image: torch.Tensor) -> torch.Tensor:
    """Store an image (1, H, W) as a poor JPEG and read it again."""
    stored = io.BytesIO()
    Image.fromarray((image[0].clamp(0, 1) * 255).byte().numpy()).save(stored, format="JPEG", quality=20)
    return torch.from_numpy(np.array(Image.open(stored), dtype=np.float32))[None] / 255


CORRUPTIONS: dict[str, Corruption] = {
    "as it is": lambda image: image,
    "darker": AdjustContrast(gamma=1.7),
    "brighter": AdjustContrast(gamma=0.6),
    "low contrast": lambda image: 0.25 + 0.5 * image,
    "noise": noise,
    "blur": GaussianSmooth(sigma=1.0),
    "JPEG": jpeg,
    "turned": Rotate(angle=0.17, padding_mode="zeros"),  # radians, 10 degrees
    "smaller": Zoom(0.8, padding_mode="constant"),
    "larger": Zoom(1.2),
}


def corrupted(image: torch.Tensor, name: str) -> torch.Tensor:
    """Return an image (1, H, W) in [0, 1] with one corruption, same shape and range, as a plain tensor."""
    plain = convert_to_tensor(image, track_meta=False).clone()
    return convert_to_tensor(CORRUPTIONS[name](plain), track_meta=False).float().clamp(0, 1)
