"""A packed bundle runs from inside its folder, from its parent and from elsewhere, as its users would run it."""

import csv
import shutil
from pathlib import Path

from ..task import classifies
from .subject import Subject


def check(subject: Subject) -> list[str]:
    """Return what goes wrong when `monai.bundle run` segments a scan, in a new process for each place."""
    dataset = subject.facts["dataset"]
    scans, images = subject.data.raw(dataset), subject.data.images(dataset)
    config = Path("configs") / "inference.json"
    places = {
        "inside its folder": (subject.root, config, []),
        "its parent": (subject.root.parent, subject.name / config, []),
        "elsewhere": (subject.elsewhere, subject.root / config, ["--bundle_root", subject.root]),
    }
    problems = []
    for place, (cwd, file, options) in places.items():
        before = set(cwd.iterdir())
        call = f"python -m monai.bundle run --config_file {file}, from {place}"
        argv = ["run", "--config_file", file, "--dataset_dir", scans, *options]
        done = subject.clean.process("monai.bundle", argv, cwd)
        written = subject.root / "eval"
        if done.code:
            problems.append(f"{call}: {done.last_line}; run it there to see all of it")
        else:
            problems += [f"{call}: {text}" for text in answer_problems(subject, written, images)]
        shutil.rmtree(written, ignore_errors=True)
        left = sorted(path.name for path in set(cwd.iterdir()) - before - {written})
        if left:
            problems.append(f"{call}: wrote {', '.join(left)} there; paths in configurations start at @bundle_root")
    return problems


def answer_problems(subject: Subject, written: Path, images: list[Path]) -> list[str]:
    """Return what is wrong with the masks or, of a classifier, with the table that a run has left."""
    if classifies(subject.facts):
        return table_problems(written, images, class_names(subject))
    return mask_problems(written, images, labels(subject))


def class_names(subject: Subject) -> list[str]:
    """Return the names of the classes, in order."""
    return list(next(iter(subject.facts["network_data_format"]["outputs"].values()))["channel_def"].values())


def table_problems(folder: Path, images: list[Path], names: list[str]) -> list[str]:
    """Return whether a folder has not one ``predictions.csv`` with a row for each image, of probabilities."""
    found = sorted(folder.rglob("predictions.csv"))
    if len(found) != 1:
        return [f"left {len(found)} predictions.csv in eval/ of the bundle; see its handlers"]
    with found[0].open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    problems = []
    if sorted(Path(row["file"]).name for row in rows) != sorted(path.name for path in images):
        problems.append(f"predictions.csv has {len(rows)} rows for {len(images)} images")
    sums = [sum(float(row.get(f"probability_{name}") or 0) for name in names) for row in rows]
    if any(abs(total - 1) > 1e-3 for total in sums):
        problems.append(f"the probabilities of {', '.join(names)} in predictions.csv do not add up to 1")
    return problems


def labels(subject: Subject) -> set[int]:
    """Return the values that a mask may have."""
    return {int(key) for key in next(iter(subject.facts["network_data_format"]["outputs"].values()))["channel_def"]}


def mask_problems(folder: Path, scans: list[Path], values: set[int]) -> list[str]:
    """Return whether a folder has not exactly one mask for each scan, on its grid, of known labels."""
    import nibabel
    import numpy as np

    masks = sorted(folder.rglob("*.nii.gz"))
    if len(masks) != len(scans):
        return [f"left {len(masks)} masks for {len(scans)} scan in eval/ of the bundle; see postprocessing"]
    problems = []
    for mask, scan in zip(masks, scans, strict=True):
        made, given = (nibabel.as_closest_canonical(nibabel.load(path)) for path in (mask, scan))
        if made.shape != given.shape or not np.allclose(made.affine, given.affine, atol=1e-3):
            grids = [f"{image.shape} at {image.affine[:3, 3].round(1)}" for image in (made, given)]
            sides = f"{grids[0]}, the scan is {grids[1]}"
            problems.append(f"the mask is not on the grid of its scan: {sides}; postprocessing needs Invertd")
        unknown = set(np.unique(np.asarray(made.dataobj)).astype(int).tolist()) - values
        if unknown:
            problems.append(f"the mask has labels {sorted(unknown)} that channel_def does not name")
    return problems
