"""Volumes drawn voxel by voxel or box by box, and an engine that has scored them."""

import torch
from ignite.engine import Engine
from monai.data import MetaTensor

AFFINE = torch.diag(torch.tensor([2.0, 2.5, 4.0, 1.0], dtype=torch.float64))  # 0.02 ml a voxel
HAND_PRED = ((0, 0, 0), (0, 1, 0), (1, 1, 3), (2, 2, 5))
HAND_LABEL = ((0, 0, 0), (0, 1, 0), (0, 2, 0), (3, 3, 3))


def volume(*voxels, shape=(4, 5, 6), file="", affine=AFFINE):
    """Return a binary volume (1, X, Y, Z) with the given voxels set."""
    mask = torch.zeros(shape)
    for voxel in voxels:
        mask[voxel] = 1
    return MetaTensor(mask[None], affine=affine, meta={"filename_or_obj": file})


def box(*sides, shape=(12, 12, 8), **kwargs):
    """Return a binary volume (1, X, Y, Z) with boxes set, each (from, to) of three axes."""
    boxes = torch.zeros(shape)
    for side in sides:
        boxes[tuple(slice(*ends) for ends in side)] = 1
    return MetaTensor(
        boxes[None], affine=kwargs.pop("affine", AFFINE), meta={"filename_or_obj": kwargs.get("file", "")}
    )


def engine_with(batches, metric, name="val_mean_dice"):
    """Return an engine that has run over batches of (pred, label, patient)."""

    def step(engine, batch):
        engine.state.batch = [{"patient": patient} for _, _, patient in batch]
        return [{"pred": pred, "label": label} for pred, label, _ in batch]

    engine = Engine(step)
    metric.attach(engine, name)
    engine.run(batches)
    return engine
