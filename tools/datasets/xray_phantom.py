"""One synthetic chest X-ray: anatomy, finding, exposure, and where the lungs truly are.

A line through the chest weakens the beam by the sum of what it meets; dense is bright, as in the real images. Whatever
differs between images apart from the opacity (exposure, noise, tubes, position, size) is drawn without regard to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .xray_phantom_anatomy import Anatomy, Frame, bones, lung, middle, soft_tissue
from .xray_phantom_findings import diffuse, lobar, markings, noise, objects, side_marker

Pair = tuple[float, float]
FINDINGS = {"normal": None, "bacteria": lobar, "virus": diffuse}


@dataclass(frozen=True)
class XrayGrade:
    """How hard the images of one grade are; pairs are (lowest, highest) of a uniform draw."""

    name: str
    rows: tuple[int, int]
    opacity: Pair
    grain: float  # SD of the noise, in steps of 255
    shift: float
    degrees: float
    zoom: Pair


EASY = XrayGrade("easy", rows=(200, 300), opacity=(0.55, 0.95), grain=4.0, shift=0.06, degrees=4.0, zoom=(0.95, 1.15))
HARD = XrayGrade("hard", rows=(480, 1280), opacity=(0.12, 0.60), grain=9.0, shift=0.12, degrees=8.0, zoom=(0.85, 1.35))
GRADES = {grade.name: grade for grade in (EASY, HARD)}


@dataclass(frozen=True)
class PhantomXray:
    """One image and its truth.

    Args:
        pixels: (rows, columns) uint8.
        lungs: (rows, columns) bool, where the lungs are, opacities included.
        opacity: (rows, columns) float32, 0 where there is no pneumonia.
        subtype: normal, bacteria or virus.
    """

    pixels: np.ndarray
    lungs: np.ndarray
    opacity: np.ndarray
    subtype: str


def xray_grade(name: str) -> XrayGrade:
    """The grade called ``name``; a ValueError lists the names there are."""
    if name not in GRADES:
        raise ValueError(f"there is no phantom grade {name!r}: choose one of {', '.join(GRADES)}")
    return GRADES[name]


def phantom_xray(grade: XrayGrade, subtype: str, patient: int, image: int, seed: int) -> PhantomXray:
    """Make one image of a patient; all images of a patient share the anatomy, nothing else.

    Args:
        subtype: normal, bacteria (one opacity with an edge) or virus (haze on both sides).
        patient, image, seed: the same three numbers give the same picture.
    """
    body = Anatomy.draw(np.random.default_rng([seed, patient]))
    rng = np.random.default_rng([seed, patient, image + 1])
    frame = _placed(grade, rng)
    sides = {side: lung(frame, body, side) for side in (-1, 1)}
    inside = sides[-1][0] | sides[1][0]
    air = sides[-1][1] + sides[1][1]
    drawn = rng.uniform(*grade.opacity)
    finding = FINDINGS[subtype]
    opacity = np.zeros_like(frame.x) if finding is None else finding(frame, rng, {s: sides[s][1] for s in sides})
    opacity = np.float32(drawn) * opacity
    air = air * np.clip(1 - 0.8 * opacity, 0, 1)
    density = 0.95 * soft_tissue(frame, body) - 0.60 * air + 0.55 * middle(frame, body) + 0.17 * bones(frame, body)
    density += rng.uniform(0.03, 0.07) * markings(frame, rng) * air + 0.5 * objects(frame, rng)
    return PhantomXray(_expose(density, grade, rng), inside, opacity * inside, subtype)


def _placed(grade: XrayGrade, rng: np.random.Generator) -> Frame:
    rows = int(rng.integers(*grade.rows, endpoint=True))
    columns = int(rows * rng.uniform(1.05, 1.55))
    shift = tuple(float(value) for value in rng.uniform(-grade.shift, grade.shift, 2))
    aspect = columns / rows / rng.uniform(0.95, 1.20)
    return Frame.place((rows, columns), rng.uniform(*grade.zoom), shift, rng.uniform(-1, 1) * grade.degrees, aspect)


def _expose(density: np.ndarray, grade: XrayGrade, rng: np.random.Generator) -> np.ndarray:
    """Turn density into 8-bit brightness: exposure, contrast, blur, noise, letter, and now and then a black border."""
    from scipy.ndimage import gaussian_filter

    shape = density.shape
    light = 1 - np.exp(-rng.uniform(0.9, 1.7) * np.clip(density, 0, None))
    light = gaussian_filter(light, shape[0] * 0.0015)
    light = (light / np.percentile(light, 99.5)) ** rng.uniform(0.8, 1.3)
    picture = 255 * (rng.uniform(0.0, 0.12) + rng.uniform(0.75, 0.95) * light)
    picture += rng.uniform(0.5, 1.0) * grade.grain * noise(rng, shape, 0.8)
    picture = np.maximum(picture, rng.uniform(150, 255) * side_marker(shape, rng))
    if rng.random() < 0.2:
        edge = int(rng.uniform(0.01, 0.05) * shape[1])
        picture[:, :edge] = picture[:, -edge:] = 0
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)
