"""The score of no learning at all: one HU threshold, and the connected component that an oracle picks.

A network must beat it; a phantom on which it scores high measures nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import ndimage

THRESHOLDS_HU = tuple(range(-800, 151, 50))


def oracle_threshold_dice(
    image: np.ndarray, target: np.ndarray, thresholds_hu: Iterable[float] = THRESHOLDS_HU
) -> tuple[float, float | None]:
    """Best Dice of any 3D component above any threshold, and that threshold in HU.

    Args:
        image: HU of any spatial shape, e.g. (X, Y, Z).
        target: the same shape; voxels above 0 belong to the target.
        thresholds_hu: a voxel is in when its HU lies above.

    Returns:
        Dice and threshold; (nan, None) for an empty target.

    Raises:
        ValueError: the shapes differ.
    """
    image, target = np.asarray(image), np.asarray(target) > 0
    if image.shape != target.shape:
        raise ValueError(f"image and target must have one shape, got {image.shape} and {target.shape}")
    wanted = int(target.sum())
    if wanted == 0:
        return float("nan"), None
    best, best_at = 0.0, None
    for threshold in thresholds_hu:
        labels, count = ndimage.label(image > threshold)
        if count == 0:
            continue
        sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
        hits = np.bincount(labels[target], minlength=count + 1)[1:]
        dice = float((2 * hits / (sizes + wanted)).max())
        if dice > best:
            best, best_at = dice, float(threshold)
    return best, best_at
