"""Surface Dice and the 95 % Hausdorff distance of one structure, in millimetres.

Surface Dice (normalised surface distance): Nikolov et al., "Clinically Applicable Segmentation of Head and Neck Anatomy
for Radiotherapy: Deep Learning Algorithm Development and Validation Study", JMIR 2021, https://arxiv.org/abs/1809.04430.
Conventions for empty masks: Maier-Hein et al., "Metrics reloaded", Nature Methods 2024.

MONAI finds borders and areas here. Its ``compute_surface_dice`` and ``compute_hausdorff_distance`` give the same
numbers on grids with right angles, but hold several copies of the volume at once, look for distances that are beyond
the tolerance anyway, and take the axes of a tilted gantry for perpendicular.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from monai.data.utils import affine_to_spacing
from monai.metrics import get_mask_edges

from .volume_overlap import union_box

SLAB_VOXELS = 1 << 21
ROUNDING_MM = 1e-6


def surface_scores(
    mask: torch.Tensor, target: torch.Tensor, affine: torch.Tensor, tolerance_mm: float = 2.0
) -> dict[str, float]:
    """Return ``surface_dice`` and ``hd95_mm`` of two boolean volumes (X, Y, Z).

    Surface Dice is the share of both surfaces that lies within ``tolerance_mm`` of the other one, each element of
    surface weighted by its area. HD95 is the greater of the two 95th percentiles of the distances from the border
    voxels of one mask to the nearest of the other. Both empty: NaN. One empty: 0, and the diagonal of the whole volume.

    Args:
        mask: the prediction.
        target: the reference.
        affine: (4, 4), from voxel index to mm; may be oblique or sheared. Distances are exact on every grid; areas, and
            the diagonal, are those of a voxel with right angles.
        tolerance_mm: distance that still counts as agreement.

    """
    affine = np.asarray(torch.as_tensor(affine).cpu(), dtype=np.float64)
    spacing = [float(value) for value in affine_to_spacing(affine)]
    shape, box = mask.shape, union_box(mask, target)
    mask, target = mask[box].cpu(), target[box].cpu()
    empty = not mask.any(), not target.any()
    if all(empty):
        return {"surface_dice": math.nan, "hd95_mm": math.nan}
    if any(empty):
        diagonal = math.hypot(*(size * step for size, step in zip(shape, spacing, strict=True)))
        return {"surface_dice": 0.0, "hd95_mm": diagonal}
    borders = [np.argwhere(border.numpy()) for border in get_mask_edges(mask, target)]
    distances = _both_ways(*borders, affine)
    return {
        "surface_dice": _surface_dice(mask, target, affine, spacing, tolerance_mm),
        # torch's quantile refuses the 16 million border voxels that noise may have
        "hd95_mm": max(float(np.percentile(one, 95)) for one in distances),
    }


def _surface_dice(
    mask: torch.Tensor, target: torch.Tensor, affine: np.ndarray, spacing: list[float], tolerance_mm: float
) -> float:
    """Return the share of the surfaces of two masks that are not empty within the tolerance of each other."""
    points, areas = zip(*_surfaces(mask, target, spacing), strict=True)
    bound = tolerance_mm + ROUNDING_MM
    distances = _both_ways(*points, affine, bound)
    near = sum(float(area[far <= bound].sum()) for area, far in zip(areas, distances, strict=True))
    return near / sum(float(area.sum()) for area in areas)


def _surfaces(mask: torch.Tensor, target: torch.Tensor, spacing: list[float]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return of each mask the elements of its surface: indices (n, 3), and areas (n,) in square mm.

    An element lies between 2 x 2 x 2 voxels, some inside and some outside. Slab by slab, since all areas of a volume
    need twenty times its memory.
    """
    volumes = [torch.nn.functional.pad(volume, (1,) * 6) for volume in (mask, target)]
    planes = max(1, SLAB_VOXELS // volumes[0][0].numel())
    pieces: tuple[list, list, list, list] = ([], [], [], [])
    for start in range(0, len(volumes[0]) - 1, planes):
        slabs = [volume[start : start + planes + 1] for volume in volumes]
        edges_and_areas = get_mask_edges(*slabs, crop=False, spacing=spacing)
        for number, (edges, areas) in enumerate(zip(edges_and_areas[:2], edges_and_areas[2:], strict=True)):
            pieces[number].append(np.argwhere(edges.numpy()) + [start, 0, 0])
            pieces[number + 2].append(areas[edges].numpy())
    points_and_areas = [np.concatenate(piece) for piece in pieces]
    return list(zip(points_and_areas[:2], points_and_areas[2:], strict=True))


def _both_ways(
    points: np.ndarray, others: np.ndarray, affine: np.ndarray, bound_mm: float = math.inf
) -> tuple[np.ndarray, np.ndarray]:
    """Return in mm how far each point is from the nearest of the others, and the other way round.

    Args:
        points: voxel indices (n, 3).
        others: voxel indices (m, 3).
        affine: (4, 4), from voxel index to mm.
        bound_mm: what is at least this far is given as infinity, which is much faster.

    """
    from scipy.spatial import KDTree

    places = [index @ affine[:3, :3].T for index in (points, others)]
    trees = [KDTree(place, leafsize=32, balanced_tree=False) for place in places]
    bound = math.nextafter(bound_mm, math.inf)
    there = trees[1].query(places[0], distance_upper_bound=bound)[0]
    return there, trees[0].query(places[1], distance_upper_bound=bound)[0]
