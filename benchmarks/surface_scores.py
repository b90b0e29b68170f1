"""Surface Dice and HD95 of whole volumes, against MONAI's two functions.

    python -m benchmarks.surface_scores [--quick] [--slices 120] [--json OUT]

A tumour of 30 mm and a prediction of it that is off by 3 mm and has a false alarm far away, on 512 x 512 pixels. Before
timing, the numbers of both sides are compared (at most 1e-4). ``no detail`` is what a validation measures instead.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
import torch
from monai.data import MetaTensor
from monai.metrics import compute_hausdorff_distance, compute_surface_dice

from tools.handlers.surface_scores import surface_scores
from tools.handlers.volume_overlap import overlap_ml

from .arguments import parse
from .interleave import compare, interleave, save, show

SPACING = [0.8, 0.8, 2.5]
TOLERANCE_MM = 2.0
AIMS = {"ours": 1.0}


def ball(shape: tuple[int, ...], centre_mm: tuple[float, ...], radius_mm: float) -> torch.Tensor:
    """A ball, its centre in mm from the first voxel."""
    axes = [np.arange(size) * step - at for size, step, at in zip(shape, SPACING, centre_mm, strict=True)]
    first, second, third = np.meshgrid(*axes, indexing="ij", sparse=True)
    return torch.from_numpy(first**2 + second**2 + third**2 <= radius_mm**2)


def monai(mask: torch.Tensor, target: torch.Tensor) -> tuple[float, float]:
    """Both numbers by MONAI's functions, whole volumes in."""
    one = {"y_pred": mask[None, None], "y": target[None, None], "include_background": True, "spacing": SPACING}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dice = compute_surface_dice(**one, class_thresholds=[TOLERANCE_MM], use_subvoxels=True)
        return float(dice), float(compute_hausdorff_distance(**one, percentile=95))


def main() -> None:
    def extend(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--slices", type=int, help="of the volume; default 120")

    args = parse(__doc__, extend)
    slices = args.slices or (40 if args.quick else 120)
    repeats = args.repeats or (2 if args.quick else 5)
    shape, middle = (512, 512, slices), slices * SPACING[2] / 2
    target = ball(shape, (200, 200, middle), 15)
    mask = ball(shape, (203, 200, middle), 15) | ball(shape, (300, 120, middle / 2), 6)
    affine = torch.diag(torch.tensor([*SPACING, 1.0], dtype=torch.float64))
    ours = surface_scores(mask, target, affine, TOLERANCE_MM)
    gap = max(abs(one - other) for one, other in zip(ours.values(), monai(mask, target), strict=True))
    print(f"surface Dice {ours['surface_dice']:.4f}, HD95 {ours['hd95_mm']:.2f} mm; largest difference {gap:.1e}")
    label, prediction = MetaTensor(target[None].float(), affine=affine), mask[None].float()
    sides = {
        "MONAI's functions": lambda: monai(mask, target),
        "ours": lambda: surface_scores(mask, target, affine, TOLERANCE_MM),
        "no detail": lambda: overlap_ml(prediction, label),
    }
    rows = compare(interleave(sides, repeats, args.device), AIMS)
    show(f"surfaces of a volume of 512 x 512 x {slices}, {repeats} rounds", rows)
    save(args.json, args.device, args.quick, slices=slices, rows=rows, difference=gap)


if __name__ == "__main__":
    main()
