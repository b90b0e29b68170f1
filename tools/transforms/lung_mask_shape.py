"""The shape work behind the lung mask: regions that are dark, and how well they fit the place of a lung.

All arrays are (112, 112), rows from top to bottom; "right" is the child's, at the left of the image.
"""

from __future__ import annotations

from functools import cache

import numpy as np

WORK_SIZE = 112
PLACES = {"right": (0.315, 0.43, 0.17, 0.32), "left": (0.70, 0.42, 0.155, 0.31)}  # centre x, y, half width, height
THRESHOLDS = (10, 15, 20, 30, 40, 50, 60, 70, 80, 90)  # percentiles of the brightness where the lung is expected
PRICE = 0.5  # a pixel less likely than this counts against a region,
FAR_PRICE = 0.3  # though never by more than this
REACH = 0.05  # a pixel less likely than this belongs to no lung
RIB_ROWS, RIB_COLUMNS, BRIDGE, DENT, MARGIN = 7, 3, 2, 5, 2  # pixels
LOWEST_FIT = 0.07  # of a region that fills the place; a lung half clouded has little more
SHARES = (0.02, 0.25)  # least and greatest area of one lung, of the image
MOST_UNEVEN = 5.0
FEWEST_ROWS = 0.20  # of the image
LEAST_CONTRAST = 0.18  # of the equalised brightness, 0 to 1
GAP = 0.10  # between the middles of both lungs, of the image


@cache
def place(side: str) -> np.ndarray:
    """Return how likely a pixel belongs to this lung: 1 inside an ellipse, falling smoothly at its edge."""
    x, y, half_width, half_height = PLACES[side]
    rows, columns = (np.mgrid[:WORK_SIZE, :WORK_SIZE] + 0.5) / WORK_SIZE
    distance = np.hypot((columns - x) / half_width, (rows - y) / half_height)
    return 1 / (1 + np.exp((distance - 1) / 0.2))


def find_lungs(image: np.ndarray, clip_limit: float) -> np.ndarray | None:
    """Return the mask of both lungs, None when they were not found.

    Args:
        image: values in [0, 1].
        clip_limit: of the equalisation.
    """
    from scipy import ndimage
    from skimage import exposure, morphology

    if float(image.max() - image.min()) < 1e-6:
        return None
    even = exposure.equalize_adapthist(np.clip(image, 0, 1), kernel_size=WORK_SIZE // 4, clip_limit=clip_limit)
    without_ribs = ndimage.gaussian_filter(ndimage.grey_opening(even, size=(RIB_ROWS, RIB_COLUMNS)), 1.5)
    # closing the grey values once is opening the dark region at every threshold: narrow bridges to the outside go
    parted = ndimage.grey_closing(without_ribs, footprint=morphology.disk(BRIDGE))
    right, left = _best_region(parted, "right"), _best_region(parted, "left")
    if right is None or left is None or not _side_by_side(right, left):
        return None
    return right | left if _contrast(parted, right, left) >= LEAST_CONTRAST else None


def _best_region(brightness: np.ndarray, side: str) -> np.ndarray | None:
    """Return the dark region, of all thresholds, that fits the place of a lung best."""
    from scipy import ndimage

    likely = place(side)
    expected, worth = brightness[likely > 0.5], np.maximum(likely - PRICE, -FAR_PRICE)
    best, region = LOWEST_FIT * float(worth[worth > 0].sum()), None
    for threshold in np.percentile(expected, THRESHOLDS):
        labels, count = ndimage.label(brightness < threshold)
        if not count:
            continue
        fits = ndimage.sum(worth, labels, np.arange(1, count + 1))
        if fits.max() > best:
            best, region = float(fits.max()), labels == int(fits.argmax()) + 1
    return None if region is None else _smooth(region & (likely > REACH))


def _smooth(region: np.ndarray) -> np.ndarray:
    """Fill holes and dents of a region, and give back the rim that the smoothing took."""
    from scipy import ndimage
    from skimage import morphology

    room = np.pad(region, DENT)  # closing must not stick to the edge of the image
    closed = ndimage.binary_closing(room, morphology.disk(DENT))[DENT:-DENT, DENT:-DENT]
    return ndimage.binary_dilation(ndimage.binary_fill_holes(closed | region), iterations=MARGIN)


def _side_by_side(right: np.ndarray, left: np.ndarray) -> bool:
    """Whether two regions can be the lungs by their shape: of a lung's size, high enough, alike, side by side."""
    areas = [float(side.mean()) for side in (right, left)]
    heights = [float(side.any(axis=1).mean()) for side in (right, left)]
    middles = [float(np.flatnonzero(side.any(axis=0)).mean()) / WORK_SIZE for side in (right, left)]
    return (
        all(SHARES[0] <= area <= SHARES[1] for area in areas)
        and max(areas) <= MOST_UNEVEN * min(areas)
        and min(heights) >= FEWEST_ROWS
        and middles[1] - middles[0] >= GAP
        and float((right & left).mean()) < 0.2 * min(areas)
    )


def _contrast(brightness: np.ndarray, right: np.ndarray, left: np.ndarray) -> float:
    """Return how much brighter it is between the lungs than in either: 0.2 to 0.5 in chests, below 0.1 in noise."""
    both = right | left
    first, last = (int(np.flatnonzero(side.any(axis=0)).mean()) for side in (right, left))
    between = np.zeros_like(both)
    between[:, first:last] = (right.any(axis=1) & left.any(axis=1))[:, None]
    between &= ~both
    if not between.any():
        return 0.0
    return float(brightness[between].mean() - max(brightness[side].mean() for side in (right, left)))


def centre_mask(size: tuple[int, int]) -> np.ndarray:
    """Return the mask (H, W) that stands in for lungs that were not found: the middle half of rows and columns."""
    mask = np.zeros(size, dtype=np.float32)
    rows, columns = size
    mask[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4] = 1
    return mask
