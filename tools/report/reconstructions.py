"""Pictures of an image beside what a network rebuilt of it."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from .overlays import Picture

SHOWN_DIFFERENCE = 0.5  # of the range of the image: the ends of the colour scale


@dataclass(frozen=True)
class Reconstruction:
    """A slice (``Picture``, in [0, 1]) and what was rebuilt of it, on the same grid and upright as well."""

    picture: Picture
    rebuilt: np.ndarray

    @property
    def error(self) -> float:
        """Mean squared difference over the slice."""
        return float(np.mean((self.rebuilt - self.picture.image) ** 2))


def draw_reconstruction(reconstruction: Reconstruction) -> bytes:
    """Return a PNG: the image, what was rebuilt, and the difference (red where the reconstruction is too bright)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture, rebuilt = reconstruction.picture, reconstruction.rebuilt
    figure = Figure(figsize=(9.6, 3.7), dpi=100, facecolor="#111418")
    FigureCanvasAgg(figure)
    shown = {
        "image": (picture.image, "gray", 0.0, 1.0),
        "reconstruction": (rebuilt, "gray", 0.0, 1.0),
        "difference": (rebuilt - picture.image, "RdBu_r", -SHOWN_DIFFERENCE, SHOWN_DIFFERENCE),
    }
    text = {"color": "white", "parse_math": False}
    for number, (title, (plane, colours, low, high)) in enumerate(shown.items()):
        axes = figure.add_axes((0.01 + 0.33 * number, 0.02, 0.32, 0.82))
        axes.set_axis_off()
        aspect = picture.spacing_mm[0] / picture.spacing_mm[1]
        axes.imshow(plane, cmap=colours, vmin=low, vmax=high, aspect=aspect, interpolation="nearest")
        axes.set_title(title, fontsize=10, **text)
    heading = f"{picture.patient}   slice {picture.slice_number}   mean squared error {reconstruction.error:.4f}"
    figure.text(0.015, 0.93, heading, fontsize=12, **text)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
