"""What a demonstration ends with: how good the network is, with and without training, and without a network."""

import json
from pathlib import Path


def score(folder: Path, name: str) -> float:
    """Return a metric that an evaluation wrote to its summary."""
    return float(json.loads((folder / "summary.json").read_text(encoding="utf-8"))["metrics"][name])


def threshold_score(dataset: Path, split: str) -> float:
    """Return the mean Dice of the best HU threshold with the best component, an oracle choosing for each patient."""
    import nibabel
    import numpy as np

    from ..datasets.datalist import read_datalist
    from ..datasets.threshold_baseline import oracle_threshold_dice

    dices = []
    for item in read_datalist(dataset, split):
        image, label = (np.asarray(nibabel.load(item[key]).dataobj) for key in ("image", "label"))
        dices.append(oracle_threshold_dice(image, label)[0])
    return float(np.nanmean(dices))


def brightness_score(items: list[dict]) -> float:
    """Return the ROC AUC of the mean grey value alone, its direction chosen by an oracle.

    Args:
        items: of a datalist, with ``image`` and a class number ``label``.
    """
    import numpy as np
    from PIL import Image

    from ..datasets.image_check import grey_pixels
    from ..report.binary_scores import auc

    values = []
    for item in items:
        with Image.open(item["image"]) as image:
            values.append(float(grey_pixels(image).mean()))
    found = auc(np.array([item["label"] for item in items]), np.array(values))
    return max(found, 1 - found)
