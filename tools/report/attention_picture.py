"""One picture of an X-ray: with the lung mask and its cut, and with the attention over it."""

from __future__ import annotations

import io

import numpy as np
import torch

from ..layers.side_tokens import lung_cut


def draw_attention(image: torch.Tensor, attention: torch.Tensor, title: str) -> bytes:
    """Return a PNG: on the left the image, the outline of the mask and the cut, on the right the attention over it.

    Args:
        image: (2, H, W), grey image in [0, 1] and lung mask.
        attention: (H, W), any non-negative scale.
        title: what to write above.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    plain = np.asarray(image.detach().cpu())
    grey, mask = plain[0], plain[1]
    cut = float(lung_cut(torch.as_tensor(mask)[None, None])) * grey.shape[1] - 0.5
    heat = np.asarray(attention, dtype=float)
    figure = Figure(figsize=(6.4, 3.5), dpi=100, facecolor="#111418")
    FigureCanvasAgg(figure)
    panels = [figure.add_axes((left, 0.02, 0.48, 0.86)) for left in (0.01, 0.51)]
    for axes in panels:
        axes.imshow(grey, cmap="gray", vmin=0, vmax=1)
        axes.set_axis_off()
    if 0 < mask.mean() < 1:
        panels[0].contour(mask, levels=[0.5], colors=["#ffb000"], linewidths=1.2)
    panels[0].axvline(cut, color="#00a8ff", linewidth=1.0, linestyle="--")
    heat = heat / max(heat.max(), 1e-12)
    panels[1].imshow(heat, cmap="inferno", vmin=0, vmax=1, alpha=0.7 * heat)
    figure.text(0.015, 0.92, title, color="white", fontsize=10, parse_math=False)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
