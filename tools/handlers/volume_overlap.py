"""Where two masks of one volume agree, in millilitres, and the box that holds them both."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.data import MetaTensor

from ..report.patient_table import OVERLAPS


def overlap_ml(prediction: torch.Tensor, label: torch.Tensor) -> list[dict[str, float]]:
    """Return the volumes in ml of :data:`OVERLAPS` for each channel of two binary volumes (C, X, Y, Z).

    Beside them stand ``voxel_ml``, ``slices`` (axial slices with target or prediction) and ``slice_dice_sum`` (the sum
    of their Dice).

    Raises:
        TypeError: when the label carries no affine.
        ValueError: when the two are not on one grid.

    """
    check_grids(prediction, label)
    affine = torch.as_tensor(label.affine, dtype=torch.float64).cpu()
    voxel_ml = float(torch.linalg.det(affine[:3, :3]).abs()) / 1000.0
    slice_axis = int(affine[2, :3].abs().argmax())
    per_slice = [axis for axis in range(3) if axis != slice_axis]
    overlaps = []
    for whole, wanted in zip(*binary_masks(prediction, label), strict=True):
        box = union_box(whole, wanted)
        mask, target = whole[box], wanted[box]
        of_target, of_mask = target.sum(dim=per_slice), mask.sum(dim=per_slice)
        hits, either = (mask & target).sum(dim=per_slice), of_target + of_mask
        hit, in_mask, in_target = int(hits.sum()), int(of_mask.sum()), int(of_target.sum())
        counts = (
            hit,
            in_mask - hit,
            in_target - hit,
            whole.numel() - in_mask - in_target + hit,
            int(of_mask[of_target == 0].sum()),
        )
        overlap = {name: count * voxel_ml for name, count in zip(OVERLAPS, counts, strict=True)}
        slice_dice = 2 * hits[either > 0].double() / either[either > 0]
        slices = {"slices": int((either > 0).sum()), "slice_dice_sum": float(slice_dice.sum())}
        overlaps.append({**overlap, "voxel_ml": voxel_ml, **slices})
    return overlaps


def check_grids(prediction: torch.Tensor, label: torch.Tensor) -> None:
    """Refuse a label without affine and volumes that are not on one grid.

    Raises:
        TypeError: when the label carries no affine.
        ValueError: when the two are not on one grid.

    """
    if not isinstance(label, MetaTensor):
        raise TypeError("PatientScores needs a label with an affine (MetaTensor): without it millilitres are unknown.")
    if label.ndim != 4 or prediction.shape != label.shape:
        raise ValueError(
            f"Prediction and label must be volumes (C, X, Y, Z) of one shape, got {tuple(prediction.shape)} and "
            f"{tuple(label.shape)}; restore the prediction with Invertd before it is scored on the original grid."
        )


def check_classes(owner: str, channels: int, class_names: Sequence[str]) -> None:
    """Refuse, for the handler ``owner``, volumes with more or fewer channels than there are names of classes.

    Raises:
        ValueError: with both numbers.

    """
    if channels != len(class_names):
        raise ValueError(
            f"{owner} got {channels} channels to score and {len(class_names)} class names "
            f"{list(class_names)}: set class_names, or first_channel to leave a background out."
        )


def binary_masks(prediction: torch.Tensor, label: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both as plain boolean tensors on the device of the prediction."""
    found = plain_tensor(prediction) > 0.5
    return found, (plain_tensor(label) > 0.5).to(found.device)


def plain_tensor(volume: torch.Tensor) -> torch.Tensor:
    """Return the tensor without its metadata, which is faster to reduce."""
    return volume.as_tensor() if isinstance(volume, MetaTensor) else volume


def union_box(mask: torch.Tensor, target: torch.Tensor) -> tuple[slice, ...]:
    """Return the smallest box that holds everything of two boolean volumes (X, Y, Z), of no size when there is nothing.

    A CT of 512 x 512 x 300 voxels has 80 million of them, a tumour with its false alarms mostly less than a tenth.
    """
    either = mask | target
    along_z = either.any(dim=2)
    occupied = (along_z.any(dim=1), along_z.any(dim=0), either.any(dim=0).any(dim=0))
    ends = [axis.nonzero().flatten()[[0, -1]].tolist() if axis.any() else (0, -1) for axis in occupied]
    return tuple(slice(first, last + 1) for first, last in ends)
