"""The chest of a synthetic child in frontal projection: smooth maps of thickness on an image grid.

Coordinates are those of the body: x to the right of the image (the child's left), y downwards, both 0 in the middle of
the chest and about 1 at its edges. Maps are (rows, columns) float32, 0 to about 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RIBS = 9


@dataclass(frozen=True)
class Frame:
    """Where the body lies in the image: body coordinates of every pixel."""

    x: np.ndarray
    y: np.ndarray
    pixel: float  # body units a pixel

    @classmethod
    def place(
        cls, shape: tuple[int, int], zoom: float, shift: tuple[float, float], degrees: float, aspect: float
    ) -> Frame:
        """Place a body: zoom 1 fills the height, shift is (down, right) in halves of the image, degrees turn it."""
        rows, columns = shape
        v, u = np.meshgrid(
            (np.arange(rows, dtype=np.float32) + 0.5) * 2 / rows - 1 - shift[0],
            ((np.arange(columns, dtype=np.float32) + 0.5) * 2 / columns - 1) - shift[1],
            indexing="ij",
        )
        u = u * (columns / rows / aspect)
        angle = np.float32(np.deg2rad(degrees))
        x, y = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
        return cls(x / np.float32(zoom), y / np.float32(zoom), 2 / rows / zoom)


@dataclass(frozen=True)
class Anatomy:
    """The numbers that make one child different from another, in body units."""

    lung_width: float
    lung_top: float
    diaphragm: tuple[float, float]  # top of the right (image left) and the left dome
    heart_width: float
    rib_phase: float
    rib_slope: float
    spine_bend: float
    thymus: float  # 0 for none
    stomach_gas: float
    arm_lift: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Anatomy:
        """Draw one child."""
        right = rng.uniform(0.36, 0.54)
        return cls(
            lung_width=rng.uniform(0.60, 0.70), lung_top=rng.uniform(-0.80, -0.70),
            diaphragm=(right, right + rng.uniform(0.02, 0.10)), heart_width=rng.uniform(0.24, 0.36),
            rib_phase=rng.uniform(-0.05, 0.05), rib_slope=rng.uniform(0.12, 0.34), spine_bend=rng.uniform(-0.03, 0.03),
            thymus=rng.uniform(0.05, 0.2) if rng.random() < 0.25 else 0.0,
            stomach_gas=rng.uniform(0.3, 0.9) if rng.random() < 0.6 else 0.0, arm_lift=rng.uniform(-0.1, 0.25),
        )  # fmt: skip


def soft(distance: np.ndarray, width: float) -> np.ndarray:
    """Return a step that rises from 0 to 1 around distance 0 within ``width``."""
    return 1 / (1 + np.exp(np.clip(-distance / np.float32(width), -30, 30)))


def lung(frame: Frame, body: Anatomy, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (mask, thickness of air) of one lung; side -1 is the child's right, at the left of the image.

    The mask ends where the air does: at the heart, the dome of the diaphragm and the chest wall.
    """
    x = side * frame.x
    dome = body.diaphragm[0 if side < 0 else 1]
    centre, bottom = 0.36, 0.36 + body.lung_width * 0.35
    floor = dome + 0.42 * np.square(np.maximum(np.abs(x - centre) - 0.04, 0) / 0.30) * (x > centre)
    floor = floor + 0.12 * np.square(np.clip((centre - x) / 0.30, 0, 1.5))
    t = np.clip((frame.y - body.lung_top) / (bottom - body.lung_top), 0, 1)
    outer = body.lung_width * np.sin(np.pi / 2 * np.clip(0.36 + t, 0, 1)) ** 0.8
    apex = body.lung_top + 0.16 * np.square((x - 0.25) / 0.17) * np.clip((-0.1 - frame.y) / 0.5, 0, 1)
    inner = 0.11 + 0.03 * t + 0.06 * np.exp(-np.square((t - 0.50) / 0.14))  # hilum
    heart = body.heart_width if side > 0 else 0.45 * body.heart_width
    inner = inner + (heart - 0.08) * np.exp(-np.square((t - 0.86) / 0.26)) * (1.0 if side > 0 else 0.6)
    inner = inner + body.thymus * np.exp(-np.square((t - 0.30) / 0.12)) * (side < 0)
    distance = np.minimum.reduce([outer - x, x - inner, floor - frame.y, frame.y - apex])
    half = np.maximum((outer - inner) / 2, 0.02)
    across = np.clip((x - (outer + inner) / 2) / half, -1, 1)
    thickness = np.sqrt(1 - 0.75 * across * across) * soft(distance, 0.012)
    return distance > 0, thickness.astype(np.float32)


def soft_tissue(frame: Frame, body: Anatomy) -> np.ndarray:
    """Return the thickness of trunk, neck and arms."""
    wall = body.lung_width + 0.10 + 0.05 * np.clip(frame.y, 0, 1)
    shoulder = np.clip((-0.55 - frame.y) / 0.35, 0, 1)
    width = wall * (1 - shoulder) + (0.24 + 0.62 * (1 - shoulder)) * shoulder
    trunk = np.sqrt(np.clip(1 - np.square(frame.x / width), 0, None))
    arm_x = np.abs(frame.x) - (0.98 - body.arm_lift * np.clip(frame.y + 0.6, -1, 0.6))
    arm = np.sqrt(np.clip(1 - np.square(arm_x / 0.15), 0, None)) * soft(frame.y + 0.75, 0.03)
    return np.maximum(trunk, 0.55 * arm).astype(np.float32)


def middle(frame: Frame, body: Anatomy) -> np.ndarray:
    """Return spine, heart, great vessels and what lies below the diaphragm."""
    x = frame.x - body.spine_bend * np.sin(2.5 * frame.y)
    vertebrae = 0.82 + 0.18 * np.cos(frame.y * 2 * np.pi / 0.115)
    spine = soft(0.085 - np.abs(x), 0.012) * vertebrae
    heart = np.square((frame.x - 0.08) / (0.13 + body.heart_width * 0.62)) + np.square((frame.y - 0.22) / 0.34)
    vessels = soft(0.13 - np.abs(frame.x - 0.015), 0.03) * soft(0.25 - frame.y, 0.05)
    right, left = body.diaphragm
    dome = np.where(frame.x < 0, right, left) + 0.30 * np.square((np.abs(frame.x) - 0.34) / 0.34)
    belly = soft(frame.y - dome, 0.012) * soft(body.lung_width + 0.02 - np.abs(frame.x), 0.03)
    gas = np.square((frame.x - 0.32) / 0.20) + np.square((frame.y - left - 0.17) / 0.09)
    belly = belly * (1 - body.stomach_gas * soft(1 - gas, 0.15))
    return (0.55 * spine + 0.60 * soft(1 - heart, 0.06) + 0.30 * vessels + 0.75 * belly).astype(np.float32)


def bones(frame: Frame, body: Anatomy) -> np.ndarray:
    """Return ribs, front and back, and collar bones: bands that are denser at their edges."""
    a = np.abs(frame.x)
    chest = soft(body.lung_width + 0.05 - a, 0.015)
    total = np.zeros_like(frame.x)
    for number in range(RIBS):
        start = -0.80 + 0.155 * number + body.rib_phase
        back = start + body.rib_slope * a + 0.55 * np.square(a)
        total += _band(frame.y - back, 0.027) * soft(a - 0.07, 0.02)
        front = start + 0.34 - (0.42 + body.rib_slope) * (a - 0.30)
        total += 0.45 * _band(frame.y - front, 0.022) * soft(a - 0.26, 0.03) * (number < 7)
    collar = _band(frame.y - (-0.74 - 0.16 * a), 0.024) * soft(a - 0.08, 0.02) * soft(0.70 - a, 0.02)
    return (total * chest * soft(0.85 - frame.y, 0.05) + 1.3 * collar).astype(np.float32)


def _band(distance: np.ndarray, half: float) -> np.ndarray:
    full = np.exp(-np.square(np.square(distance / half)))
    return full - 0.45 * np.exp(-np.square(np.square(distance / (0.6 * half))))
