"""Pictures of one slice with the contours of label and prediction, upright and undistorted on any grid."""

from __future__ import annotations

import io
from dataclasses import dataclass

import nibabel
import numpy as np
import torch
import torch.nn.functional as F
from monai.data import MetaTensor

LABEL_COLOUR = "#00a8ff"
PREDICTION_COLOUR = "#ff8c1a"
ZOOM_MM = 90.0
SOFT_TISSUE_HU = (-160.0, 240.0)


@dataclass(frozen=True)
class Picture:
    """An axial slice as a radiologist hangs it: the patient's right on the left, the front at the top.

    ``image`` (rows, columns) is in [0, 1]; ``label`` and ``prediction`` are masks of its shape or None. ``spacing_mm``
    is the distance of rows and of columns, ``letters`` stand at the left and the right edge, ``dice`` is of the
    volume, ``file`` is where it was read from.
    """

    patient: str
    image: np.ndarray
    label: np.ndarray | None
    prediction: np.ndarray | None
    spacing_mm: tuple[float, float]
    letters: tuple[str, str]
    slice_number: int
    dice: float | None = None
    file: str = ""


def axial_picture(
    patient: str,
    image: MetaTensor,
    label: MetaTensor | None = None,
    prediction: MetaTensor | None = None,
    dice: float | None = None,
) -> Picture:
    """Return the slice with the largest target (else prediction, else the middle one), on the grid of the masks.

    Args:
        patient: how to name it.
        image: (C, X, Y, Z), windowed to [0, 1]; the first channel is shown. It may lie on another grid than the masks
            and is then sampled where their slice cuts it.
        label: binary (1, X, Y, Z) or None.
        prediction: binary (1, X, Y, Z) on the grid of the label, or None.
        dice: what to write beside it.

    """
    grid = next(volume for volume in (label, prediction, image) if volume is not None)
    affine = np.asarray(grid.affine.cpu(), dtype=np.float64)
    orientation = nibabel.io_orientation(affine)
    masks = [None if mask is None else (_plain(mask)[0] > 0.5).cpu() for mask in (label, prediction)]
    slice_axis = int(np.flatnonzero(orientation[:, 0] == 2)[0])
    position = _best_slice(masks, slice_axis, grid.shape[1 + slice_axis])
    plane = _plane_of(image, affine, tuple(grid.shape[1:]), slice_axis, position)
    planes = [plane, *(None if mask is None else mask.select(slice_axis, position).numpy() for mask in masks)]
    shown = [None if piece is None else _upright(piece, orientation, slice_axis) for piece in planes]
    spacing = {int(orientation[axis, 0]): float(np.linalg.norm(affine[:3, axis])) for axis in range(3)}
    return Picture(patient, *shown, (spacing[1], spacing[0]), ("R", "L"), position + 1, dice)


def draw(picture: Picture, window_hu: tuple[float, float] = (-1000.0, 400.0)) -> bytes:
    """Return a PNG: the whole slice as the network sees it, and the target enlarged at a soft tissue window.

    Args:
        picture: what to draw.
        window_hu: Hounsfield units of 0 and 1 in the picture.

    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 5.2), dpi=100, facecolor="#111418")
    FigureCanvasAgg(figure)
    low, high = ((value - window_hu[0]) / (window_hu[1] - window_hu[0]) for value in SOFT_TISSUE_HU)
    limits = ((0.0, 1.0), (low, high) if low < high <= 1.5 and low >= 0 else (0.0, 1.0))
    for number, (left, view, grey) in enumerate(zip((0.01, 0.51), (None, _zoom(picture)), limits, strict=True)):
        axes = figure.add_axes((left, 0.09, 0.48, 0.82))
        _draw_slice(axes, picture, view, grey, lines=1.0 + 0.6 * number)
    dice = "" if picture.dice is None or np.isnan(picture.dice) else f"   Dice {picture.dice:.3f}"
    text = {"color": "white", "parse_math": False}
    figure.text(0.015, 0.945, f"{picture.patient}   slice {picture.slice_number}{dice}", fontsize=12, **text)
    names = (("label", picture.label, LABEL_COLOUR), ("prediction", picture.prediction, PREDICTION_COLOUR))
    for left, (name, mask, colour) in zip((0.015, 0.12), names, strict=True):
        if mask is not None:
            figure.text(left, 0.025, f"\u25a0 {name}", color=colour, fontsize=11)
    figure.text(0.985, 0.025, "whole slice | enlarged, soft tissue", fontsize=9, ha="right", **text)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def _draw_slice(axes, picture: Picture, view, grey: tuple[float, float], lines: float) -> None:
    """Draw one panel; ``view`` is (left, right, bottom, top) in pixels or None for all."""
    axes.set_axis_off()
    aspect = picture.spacing_mm[0] / picture.spacing_mm[1]
    axes.imshow(picture.image, cmap="gray", vmin=grey[0], vmax=grey[1], aspect=aspect, interpolation="bilinear")
    for mask, colour in ((picture.label, LABEL_COLOUR), (picture.prediction, PREDICTION_COLOUR)):
        if mask is not None and mask.any() and min(mask.shape) > 1:
            axes.contour(mask.astype(float), levels=[0.5], colors=[colour], linewidths=lines)
    if view is not None:
        axes.set_xlim(view[0], view[1])
        axes.set_ylim(view[2], view[3])
    for place, letter in zip((0.02, 0.98), picture.letters, strict=True):
        side = "left" if place < 0.5 else "right"
        axes.text(place, 0.5, letter, color="#ffe14d", fontsize=13, ha=side, va="center", transform=axes.transAxes)


def _zoom(picture: Picture) -> tuple[float, float, float, float] | None:
    """Return the pixels (left, right, bottom, top) around the masks, :data:`ZOOM_MM` wide or as wide as they are."""
    masks = [mask for mask in (picture.label, picture.prediction) if mask is not None and mask.any()]
    if not masks:
        return None
    rows, columns = np.nonzero(masks[0])
    view = []
    for where, spacing in ((columns, picture.spacing_mm[1]), (rows, picture.spacing_mm[0])):
        half = max(ZOOM_MM / spacing, 1.4 * (where.max() - where.min() + 1)) / 2
        view.append(((where.min() + where.max()) / 2, half * spacing))
    half_mm = max(view[0][1], view[1][1])
    across, down = half_mm / picture.spacing_mm[1], half_mm / picture.spacing_mm[0]
    return view[0][0] - across, view[0][0] + across, view[1][0] + down, view[1][0] - down


def _best_slice(masks: list[torch.Tensor | None], axis: int, depth: int) -> int:
    """Return the slice with the largest first mask that is not empty, the middle one when all are."""
    others = [other for other in range(3) if other != axis]
    for mask in masks:
        if mask is not None and mask.any():
            return int(mask.sum(dim=others).argmax())
    return depth // 2


def _plane_of(image: MetaTensor, affine: np.ndarray, shape: tuple[int, ...], axis: int, position: int) -> np.ndarray:
    """Return the first channel of ``image`` where slice ``position`` along ``axis`` of another grid cuts it."""
    own = np.asarray(image.affine.cpu(), dtype=np.float64)
    volume = _plain(image)[0].detach().float().cpu()
    if tuple(volume.shape) == shape and np.allclose(own, affine, atol=1e-4):
        return volume.select(axis, position).numpy()
    ranges = [np.array([position]) if other == axis else np.arange(shape[other]) for other in range(3)]
    index = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1)
    index = np.concatenate([index, np.ones((*index.shape[:3], 1))], axis=-1)
    where = (index @ (np.linalg.inv(own) @ affine).T)[..., :3]
    size = np.maximum(np.array(volume.shape) - 1, 1)
    grid = torch.from_numpy((2 * where / size - 1)[..., ::-1].copy()).float()
    return F.grid_sample(volume[None, None], grid[None], align_corners=True)[0, 0].squeeze(axis).numpy()


def _upright(plane: np.ndarray, orientation: np.ndarray, slice_axis: int) -> np.ndarray:
    """Turn a plane so that rows run from front to back and columns from the patient's right to the left."""
    along = [axis for axis in range(3) if axis != slice_axis]
    if orientation[along[0], 0] == 0:
        plane, along = plane.T, along[::-1]
    rows, columns = (slice(None, None, -1 if orientation[axis, 1] > 0 else 1) for axis in along)
    return plane[rows, columns]


def _plain(volume: torch.Tensor) -> torch.Tensor:
    """Return the tensor without its metadata."""
    return volume.as_tensor() if isinstance(volume, MetaTensor) else volume
