"""What a synthetic chest X-ray shows besides anatomy: lung markings, pneumonia, and things that are none."""

from __future__ import annotations

import numpy as np

from .xray_phantom_anatomy import Frame, soft


def noise(rng: np.random.Generator, shape: tuple[int, int], grain: float) -> np.ndarray:
    """Return smooth noise with mean 0 and SD 1, its grain in pixels; drawn coarsely, so the cost does not grow."""
    from scipy.ndimage import gaussian_filter, zoom

    step = max(int(grain / 2), 1)
    coarse = [max(-(-length // step), 4) for length in shape]
    values = gaussian_filter(rng.standard_normal(coarse, dtype=np.float32), grain / step, mode="reflect")
    if step > 1:
        values = zoom(values, [length / size for length, size in zip(shape, coarse, strict=True)], order=1)
    return ((values - values.mean()) / max(float(values.std()), 1e-6)).astype(np.float32)


def markings(frame: Frame, rng: np.random.Generator) -> np.ndarray:
    """Return vessels: winding lines, dense at both hila and thin outside."""
    shape, scale = frame.x.shape, 1 / frame.pixel
    lines = sum(
        np.exp(-np.square(noise(rng, shape, grain * scale) / width)) for grain, width in ((0.05, 0.16), (0.025, 0.2))
    )
    hilum = np.exp(-np.hypot(np.abs(frame.x) - 0.18, frame.y + 0.05) / 0.30)
    return (lines * (0.15 + hilum)).astype(np.float32)


def lobar(frame: Frame, rng: np.random.Generator, lungs: dict[int, np.ndarray]) -> np.ndarray:
    """Return one consolidation (bacteria): a patch with an edge of its own, and open airways in it."""
    side = int(rng.choice([-1, 1]))
    centre = (side * rng.uniform(0.32, 0.46), rng.choice([rng.uniform(-0.45, -0.2), rng.uniform(0.05, 0.3)]))
    size = (rng.uniform(0.14, 0.22), rng.uniform(0.14, 0.24))
    distance = np.hypot((frame.x - centre[0]) / size[0], (frame.y - centre[1]) / size[1])
    edge = distance + 0.14 * noise(rng, frame.x.shape, 0.06 / frame.pixel)
    airways = np.exp(-np.square(noise(rng, frame.x.shape, 0.035 / frame.pixel) / 0.12))
    return (soft(1 - edge, 0.08) * (1 - 0.4 * airways) * lungs[side]).astype(np.float32)


def diffuse(frame: Frame, rng: np.random.Generator, lungs: dict[int, np.ndarray]) -> np.ndarray:
    """Return patchy and streaky haze around both hila (virus)."""
    shape, scale = frame.x.shape, 1 / frame.pixel
    patches = soft(noise(rng, shape, 0.08 * scale) - 0.2, 0.25)
    streaks = np.exp(-np.square(noise(rng, shape, 0.03 * scale) / 0.25))
    reach = np.exp(-np.square(np.hypot(np.abs(frame.x) - 0.24, frame.y - 0.02) / 0.45))
    return ((0.75 * patches + 0.45 * streaks) * reach * (lungs[-1] + lungs[1])).astype(np.float32)


def objects(frame: Frame, rng: np.random.Generator) -> np.ndarray:
    """Return tubes, wires and buttons, none to three of them; they say nothing about the class."""
    total = np.zeros_like(frame.x)
    if rng.random() < 0.3:
        bend = rng.uniform(-0.25, 0.25, 3)
        path = rng.uniform(-0.5, 0.5) + bend[0] * frame.y + bend[1] * np.sin(3 * frame.y) + bend[2] * frame.y**2
        total += soft(0.012 - np.abs(frame.x - path), 0.004) * soft(rng.uniform(-0.1, 0.9) - frame.y, 0.01)
    for _ in range(int(rng.integers(0, 3)) if rng.random() < 0.35 else 0):
        distance = np.hypot(frame.x - rng.uniform(-0.7, 0.7), frame.y - rng.uniform(-0.8, 0.6))
        total += soft(0.03 - np.abs(distance - rng.uniform(0.02, 0.05)), 0.004)
    return total.astype(np.float32)


def side_marker(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return the letter at the upper left that marks the right side, as most of the real images have it."""
    from PIL import Image, ImageDraw, ImageFont

    canvas = Image.new("L", (shape[1], shape[0]))
    height = max(int(rng.uniform(0.035, 0.07) * shape[0]), 8)
    place = (int(rng.uniform(0.01, 0.10) * shape[1]), int(rng.uniform(0.02, 0.45) * shape[0]))
    ImageDraw.Draw(canvas).text(place, "R", fill=255, font=ImageFont.load_default(height))
    return np.asarray(canvas, dtype=np.float32) / 255
