"""Learning curves: what is drawn, and nothing when there is nothing."""

import io

import numpy as np
from matplotlib.image import imread

from tools.report.curves import draw_curves, panels_of

HISTORY = [
    {"kind": "train", "epoch": 1, "loss": 1.0, "lr": 0.1},
    {"kind": "validation", "epoch": 1, "metrics": {"dice": 0.2, "iou": 0.1, "dull": 3}},
    {"kind": "train", "epoch": 2, "loss": None, "lr": 0.2},
]


def test_panels_hold_what_the_history_holds():
    loss, metrics, rate = panels_of(HISTORY)
    assert loss.lines == [("loss", [1], [1.0])]
    assert [line[0] for line in metrics.lines] == ["dice", "iou"]
    assert rate.lines == [("lr", [1, 2], [0.1, 0.2])]
    assert panels_of([]) == []
    assert [panel.title for panel in panels_of(HISTORY[1:2])] == ["validation, mean over patients"]


def test_pictures_are_light_or_dark():
    for dark, bright in ((False, True), (True, False)):
        pixels = imread(io.BytesIO(draw_curves(panels_of(HISTORY), dark)), format="png")
        assert pixels.shape[1] > 3 * 500
        assert (np.median(pixels[..., :3]) > 0.5) == bright


def test_parts_of_the_loss_have_a_panel_of_their_own_on_a_logarithmic_axis():
    parts = [{"loss_segmentation": 1.5, "loss_kl": 0.0}, {"loss_segmentation": 1.0, "loss_kl": 200.0}]
    extremes = {"loss_min": 0.5, "loss_max": 2.0}
    history = [{"kind": "train", "epoch": n, "loss": 2.0, **extremes, **part} for n, part in enumerate(parts, start=1)]
    loss, panel = panels_of(history)
    assert not loss.log
    assert panel.log
    assert panel.lines == [("segmentation", [1, 2], [1.5, 1.0]), ("kl", [2], [200.0])]
    assert draw_curves([panel]).startswith(b"\x89PNG")
