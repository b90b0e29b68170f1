"""Which lesions were found, which missed, and which of those predicted are none.

Lesion-wise detection as in Maier-Hein et al., "Metrics reloaded", Nature Methods 2024: components are instances, and
the localisation criterion is a share of overlap.
"""

from __future__ import annotations

import numpy as np
import torch

from .volume_overlap import union_box

CONNECTIVITY = 26


def lesion_counts(mask: torch.Tensor, target: torch.Tensor, overlap: float = 0.1) -> dict[str, int]:
    """Return ``lesions_found``, ``lesions_missed`` and ``lesions_false`` of two boolean volumes (X, Y, Z).

    A lesion is a component of the target in 3D, voxels that touch by a face, an edge or a corner
    (:data:`CONNECTIVITY` neighbours). It is found when at least a share ``overlap`` of its voxels is predicted, else
    missed. A component of the prediction is false when less than that share of it lies on target. So one prediction
    may find two lesions, two predictions of one lesion are not a false one, and a prediction that is everywhere finds
    all lesions and is false itself. Nothing is too small to count.

    Args:
        mask: the prediction.
        target: the reference.
        overlap: share in (0, 1].

    """
    box = union_box(mask, target)
    predicted, wanted = mask[box].cpu().numpy(), target[box].cpu().numpy()
    of_lesions, of_predictions = _covered(wanted, predicted), _covered(predicted, wanted)
    found = int((of_lesions >= overlap).sum())
    false = int((of_predictions < overlap).sum())
    return {"lesions_found": found, "lesions_missed": len(of_lesions) - found, "lesions_false": false}


def _covered(mask: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return for each component of ``mask`` the share of it that ``other`` covers."""
    from scipy.ndimage import label

    components, count = label(mask, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(components.ravel(), minlength=count + 1)[1:]
    covered = np.bincount(components[other], minlength=count + 1)[1:]
    return covered / np.maximum(sizes, 1)
