"""ROC curve, confusion matrix and reliability diagram as pictures, light or dark."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

BLUE, ORANGE = "#0b84d8", "#e07a10"


def draw_roc(scores: Mapping[str, Any], dark: bool = False) -> bytes:
    """Return a PNG of the ROC curve with the point of the threshold in use."""

    def paint(axes: Any, ink: str) -> None:
        roc, counts = scores["roc"], scores["confusion"]
        axes.plot(roc["one_minus_specificity"], roc["sensitivity"], color=BLUE)
        axes.plot([0, 1], [0, 1], color=ink, alpha=0.3, linewidth=1)
        false = counts["fp"] / max(counts["fp"] + counts["tn"], 1)
        true = counts["tp"] / max(counts["tp"] + counts["fn"], 1)
        axes.plot([false], [true], "o", color=ORANGE, label=f"threshold {scores['threshold']:g}")
        axes.set_xlabel("1 - specificity", color=ink, fontsize=9)
        axes.set_ylabel("sensitivity", color=ink, fontsize=9)
        axes.set_aspect("equal")

    return _figure(f"ROC curve, area {scores['scores']['auc']['value']:.3f}", paint, dark)


def draw_confusion(scores: Mapping[str, Any], dark: bool = False) -> bytes:
    """Return a PNG of the confusion matrix, rows the labels and columns the predictions, with shares of each row."""

    def paint(axes: Any, ink: str) -> None:
        counts, names = scores["confusion"], scores["class_names"]
        table = [[counts["tn"], counts["fp"]], [counts["fn"], counts["tp"]]]
        shares = [[cell / max(sum(row), 1) for cell in row] for row in table]
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row in range(2):
            for column in range(2):
                colour = "white" if shares[row][column] > 0.5 else "#1d2329"
                text = f"{table[row][column]:.0f}\n{100 * shares[row][column]:.1f} %"
                axes.text(column, row, text, ha="center", va="center", color=colour)
        axes.set_xticks([0, 1], names)
        axes.set_yticks([0, 1], names, rotation=90, va="center")
        axes.set_xlabel("prediction", color=ink, fontsize=9)
        axes.set_ylabel("label", color=ink, fontsize=9)

    return _figure(f"confusion at {scores['threshold']:g}", paint, dark, grid=False)


def draw_calibration(scores: Mapping[str, Any], dark: bool = False) -> bytes:
    """Return a PNG of the reliability diagram, before and after the temperature."""

    def paint(axes: Any, ink: str) -> None:
        axes.plot([0, 1], [0, 1], color=ink, alpha=0.3, linewidth=1)
        for name, colour in (("before", BLUE), ("after", ORANGE)):
            found = scores["calibration"][name]
            sizes = [12 + 120 * bin_["n"] / scores["n"] for bin_ in found["bins"]]
            points = [[bin_[key] for bin_ in found["bins"]] for key in ("probability", "share")]
            axes.plot(*points, color=colour, alpha=0.6, linewidth=1)
            axes.scatter(*points, s=sizes, color=colour, label=f"{name}: ECE {found['ece']:.3f}")
        axes.set_xlabel(f"probability of {scores['class_names'][1]}", color=ink, fontsize=9)
        axes.set_ylabel("share of images", color=ink, fontsize=9)
        axes.set_aspect("equal")

    return _figure(f"calibration, temperature {scores['calibration']['temperature']:.2f}", paint, dark)


PICTURES: Sequence[tuple[str, Callable[..., bytes]]] = (
    ("ROC curve", draw_roc),
    ("confusion matrix", draw_confusion),
    ("calibration", draw_calibration),
)


def _figure(title: str, paint: Callable[[Any, str], None], dark: bool, grid: bool = True) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    ground, ink = ("#1b1f24", "#d7dde3") if dark else ("#ffffff", "#333a42")
    figure = Figure(figsize=(4.2, 3.8), dpi=120, facecolor=ground, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set_facecolor(ground)
    paint(axes, ink)
    axes.set_title(title, color=ink, fontsize=11)
    axes.tick_params(colors=ink, labelsize=8)
    if grid:
        axes.grid(alpha=0.25)
        axes.legend(fontsize=8, facecolor=ground, labelcolor=ink, edgecolor="none", loc="lower right")
    for spine in axes.spines.values():
        spine.set_color(ink)
        spine.set_alpha(0.4)
    content = io.BytesIO()
    figure.savefig(content, format="png", facecolor=ground)
    return content.getvalue()
