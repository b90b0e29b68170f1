"""How far apart two affines place the same voxels: what tells one grid from another."""

from collections.abc import Sequence

import numpy as np

SAME_GRID_MM = 1e-2


def grid_distance(one: np.ndarray, other: np.ndarray, shape: Sequence[int]) -> float:
    """Greatest difference of a coordinate, over the corners of a volume, of the places that two affines give a voxel.

    The unit is that of the places: mm for affines to mm, voxels for affines to the voxel index of another grid.

    Args:
        one: affine (4, 4) from voxel index (X, Y, Z) to a place.
        other: the affine to compare it with.
        shape: voxels along X, Y, Z.

    Example:
        >>> shifted = np.eye(4)
        >>> shifted[0, 3] = 2.5
        >>> grid_distance(np.eye(4), shifted, (4, 5, 6))
        2.5
    """
    corners = np.array(np.meshgrid(*[(0, length - 1) for length in shape], indexing="ij")).reshape(3, -1)
    corners = np.vstack([corners, np.ones(corners.shape[1])])
    return float(np.abs((np.asarray(one, float) - np.asarray(other, float)) @ corners).max())
