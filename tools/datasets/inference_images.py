"""The pictures an inference run works on, listed without complaint while a configuration is only looked at."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .image_check import SUFFIXES, is_image_name, look_at_image

logger = logging.getLogger(__name__)


def images(dataset_dir: str | Path | None) -> list[dict[str, Any]]:
    """Return the pictures below a folder, or the one picture given; none when nothing was given.

    Checks of a bundle build its dataset without data, so the refusal waits for ``require_images``.

    Returns:
        ``{"image": path, "phantom": bool}``, sorted.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: pictures that cannot be used, all of them at once.
    """
    if dataset_dir is None or str(dataset_dir) == "":
        return []
    folder = Path(dataset_dir)
    if not folder.exists():
        raise FileNotFoundError(f"dataset_dir does not exist: {folder.absolute()}; give a folder of X-rays")
    paths = [folder] if folder.is_file() else sorted(p for p in folder.rglob("*") if p.is_file() and is_image_name(p))
    looked = [look_at_image(path) for path in paths]
    problems = [f"{facts.path}: {text}" for facts in looked for text in facts.findings.problems]
    if problems:
        listed = "".join(f"\n  - {text}" for text in problems)
        raise ValueError(f"{len(problems)} problem(s) with the images in {folder.absolute()}:{listed}")
    return [{"image": str(facts.path), "phantom": facts.phantom} for facts in looked]


def require_images(data: Sequence[dict[str, Any]], dataset_dir: str | Path | None) -> None:
    """Refuse to run on nothing.

    The first item of ``run``: MONAI's evaluator leaves an empty loader with a warning and exit status 0.

    Raises:
        ValueError: saying what to give.
    """
    kinds = ", ".join(suffix.removeprefix(".") for suffix in SUFFIXES)
    if dataset_dir is None or str(dataset_dir) == "":
        raise ValueError(f"no images were given: pass --dataset_dir FOLDER with chest X-rays ({kinds})")
    if len(data) == 0:
        raise ValueError(f"no images in {Path(dataset_dir).absolute()}: none of {kinds}")
    logger.info("%d image(s) in %s", len(data), dataset_dir)
