"""A change of a bundle becomes a version: number, line in the changelog, derived files and the hash of the content."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..report.run_files import write_text
from .bundle_files import LEFT_BY_RUNS
from .content import content_hash
from .metadata_file import METADATA, read_metadata, with_facts
from .sync import derived_from_bundle
from .versions import changelog_problems, check_new_version, next_version, record_version, recorded_versions


def make_version(bundle: Path, change: str, part: str = "patch", version: str | None = None) -> str:
    """Give the present content of a bundle a version of its own, and return it.

    All is tried on a copy first: an error leaves the bundle as it was.

    Args:
        bundle: folder of the bundle, in a folder with versions.json or where that is to be.
        change: what changed, for the changelog; one line.
        part: part of the version to raise: major, minor or patch.
        version: the new version itself, instead of a part to raise.

    Raises:
        ValueError: when the words say nothing, the version cannot be the next, or the bundle cannot be packed.
    """
    facts, words = read_metadata(bundle), " ".join(change.split())
    if not words:
        raise ValueError('--change must say in words what changed, for example --change "bias of the head set to -2"')
    new = version or next_version(version_in_order(facts), part)
    check_new_version(new, facts, recorded_versions(bundle))
    with TemporaryDirectory() as folder:
        draft = Path(folder, bundle.name)
        copy_without_runs(bundle, draft)
        text = (draft / METADATA).read_text(encoding="utf-8")
        older = {name: line for name, line in facts["changelog"].items() if name != new}
        write_text(draft / METADATA, with_facts(text, version=new, changelog={new: words, **older}))
        written = {METADATA, *(file.relative_to(draft) for file in derived_from_bundle(draft).write())}
        digest = content_hash(draft)
        for name in sorted(written):
            write_text(bundle / name, (draft / name).read_text(encoding="utf-8"))
    record_version(bundle.parent, bundle.name, new, digest)
    return new


def copy_without_runs(bundle: Path, folder: Path) -> None:
    """Copy a bundle without what runs have written to it."""

    def ignored(place: str, names: list[str]) -> set[str]:
        return LEFT_BY_RUNS & set(names) if Path(place) == bundle else set()

    shutil.copytree(bundle, folder, symlinks=True, ignore=ignored)


def version_in_order(facts: dict[str, Any]) -> str:
    """Return the version of a metadata.json.

    Raises:
        ValueError: when it and the changelog do not fit.
    """
    problems = changelog_problems(facts)
    if problems:
        raise ValueError("; ".join(problems))
    return facts["version"]
