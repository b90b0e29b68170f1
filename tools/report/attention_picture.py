"""One picture of an X-ray: with the lung mask and its cut, with the attention over it, with the class activation."""

from __future__ import annotations

import io

import numpy as np
import torch

from ..layers.side_tokens import lung_cut


def draw_attention(image: torch.Tensor, attention: torch.Tensor, activation: torch.Tensor | None, title: str) -> bytes:
    """Return a PNG of two or three panels.

    On the left the image, the outline of the mask and the cut; then the attention over it; on the right, where there
    is one, the class activation: red speaks for class 1, blue for class 0.

    Args:
        image: (2, H, W), grey image in [0, 1] and lung mask.
        attention: (H, W), any non-negative scale.
        activation: (H, W), any scale about 0, drawn relative to its largest absolute value; or None.
        title: what to write above.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    plain = np.asarray(image.detach().cpu())
    grey, mask = plain[0], plain[1]
    cut = float(lung_cut(torch.as_tensor(mask)[None, None])) * grey.shape[1] - 0.5
    count = 2 if activation is None else 3
    figure = Figure(figsize=(3.2 * count, 3.5), dpi=100, facecolor="#111418")
    FigureCanvasAgg(figure)
    panels = [figure.add_axes(((place + 0.02) / count, 0.02, 0.96 / count, 0.86)) for place in range(count)]
    for axes in panels:
        axes.imshow(grey, cmap="gray", vmin=0, vmax=1)
        axes.set_axis_off()
    if 0 < mask.mean() < 1:
        panels[0].contour(mask, levels=[0.5], colors=["#ffb000"], linewidths=1.2)
    panels[0].axvline(cut, color="#00a8ff", linewidth=1.0, linestyle="--")
    heat = scaled(attention)
    panels[1].imshow(heat, cmap="inferno", vmin=0, vmax=1, alpha=0.7 * heat)
    if activation is not None:
        heat = scaled(activation)
        panels[2].imshow(heat, cmap="bwr", vmin=-1, vmax=1, alpha=0.6 * np.abs(heat))
    figure.text(0.01, 0.92, title, color="white", fontsize=10, parse_math=False)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def scaled(values: torch.Tensor) -> np.ndarray:
    """Return a map (H, W) divided by its largest absolute value."""
    heat = np.asarray(values, dtype=float)
    return heat / max(np.abs(heat).max(), 1e-12)
