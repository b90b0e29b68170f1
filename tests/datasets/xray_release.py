"""A tiny release in the raw form of the Kermany X-rays, for tests that break one thing in it."""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

NAMES = {
    "train/NORMAL": ["IM-0115-0001", "IM-0115-0002", "NORMAL2-IM-0383-0001", "IM-0117-0001", "IM-0119-0001"],
    "train/PNEUMONIA": ["person1_bacteria_1", "person1_virus_2", "person3_bacteria_5", "person4_virus_9", "person6_x"],
    "test/NORMAL": ["IM-0001-0001", "NORMAL2-IM-0007-0001"],
    "test/PNEUMONIA": ["person2_virus_6", "person100_bacteria_475"],
}


def picture(seed: int, rows: int = 80, columns: int = 96) -> np.ndarray:
    """Something with coarse and fine structure, another for each seed."""
    rng = np.random.default_rng(seed)
    coarse, fine = (gaussian_filter(rng.standard_normal((rows, columns)), sd) for sd in (8, 1.5))
    values = coarse / coarse.std() + 0.5 * fine / fine.std()
    return np.clip(128 + 40 * values, 0, 255).astype(np.uint8)


def save(path: Path, pixels: np.ndarray, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **{"quality": 95, **options})
    return path


def write_release(root: Path, names: dict[str, list[str]] | None = None) -> Path:
    seed = 0
    for place, stems in (names or NAMES).items():
        for stem in stems:
            seed += 1
            save(root / place / f"{stem}.jpeg", picture(seed))
    return root
