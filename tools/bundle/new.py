"""A new bundle as a copy of another under its own name: where adding a bundle begins."""

import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from .bundle_files import BUNDLE_NAME
from .change import copy_without_runs
from .content import content_hash
from .metadata_file import METADATA, read_metadata, with_facts
from .sync import bundles_of, derived_from_collection, sync_bundle, sync_collection
from .versions import all_versions, record_version

FIRST = "0.1.0"
WEIGHTS = ("large_files.yml", "large_files.yaml", "large_files.json")


def new_bundle(root: Path, name: str, like: str) -> Path:
    """Make ``bundles/NAME`` like another bundle of the collection, in step from the start, and return its folder.

    Configurations and documents speak of the new name; version 0.1.0, its own changelog, no weights, no scores.

    Raises:
        ValueError: listing all that is wrong with the names, or saying why the copy cannot be packed; nothing is
            left behind then.
    """
    problems = name_problems(root, name) + model_problems(root, like) + derived_from_collection(root).problems
    if problems:
        raise ValueError("; ".join(problems))
    model, bundle = root / "bundles" / like, root / "bundles" / name
    with TemporaryDirectory(dir=root / "bundles", prefix=".new-") as folder:
        draft = Path(folder, name)
        copy_without_runs(model, draft)
        for file in WEIGHTS:
            (draft / file).unlink(missing_ok=True)
        for file in sorted(path for path in draft.rglob("*") if path.is_file() and not path.is_symlink()):
            rename(file, like, name)
        text, facts = (draft / METADATA).read_text(encoding="utf-8"), read_metadata(model)
        first = {FIRST: f"First version, made like {like} {facts['version']}"}
        none = {"weights": ""} if "weights" in facts else {}  # what is said of the model's own is not true of the copy
        text = with_facts(text, version=FIRST, changelog=first, eval_metrics={}, **none)
        (draft / METADATA).write_text(text, encoding="utf-8")
        sync_bundle(draft)
        digest = content_hash(draft)
        draft.rename(bundle)
    try:
        record_version(root / "bundles", name, FIRST, digest)
        sync_collection(root)
    except (OSError, ValueError):
        shutil.rmtree(bundle)
        raise
    return bundle


def name_problems(root: Path, name: str) -> list[str]:
    """Return why a bundle of the collection cannot have this name, one line each."""
    problems = []
    if not BUNDLE_NAME.fullmatch(name):
        problems.append(f"'{name}' is no name of a bundle: give lower-case letters, digits and single _, like aura_v3")
    elif (root / "bundles" / name).exists():
        problems.append(f"'{name}' is taken; choose another name")
    if name in all_versions(root / "bundles"):
        problems.append(f"'{name}' has versions in versions.json from before; choose another name")
    return problems


def model_problems(root: Path, like: str) -> list[str]:
    """Return why a bundle cannot be taken as a model."""
    names = [bundle.name for bundle in bundles_of(root)]
    return [] if like in names else [f"--like '{like}' is no bundle; those there are: {', '.join(names)}"]


def mention(name: str) -> re.Pattern[str]:
    """Return the pattern of a bundle's name as a word of its own or in front of a version, as in NAME_v1.0.0."""
    return re.compile(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9]|_(?!v\d))")


def rename(file: Path, old: str, new: str) -> None:
    """Replace the name of a bundle in a file and in the file's own name; what is not text is left as it is."""
    try:
        text = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        text = None
    if text is not None:
        file.write_bytes(mention(old).sub(new, text).encode("utf-8"))
    file.rename(file.with_name(mention(old).sub(new, file.name)))
