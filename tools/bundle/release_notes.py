"""Release notes from the changelogs of bundles."""

from collections.abc import Mapping
from pathlib import Path

from .metadata_file import read_metadata
from .tables import packages_table, versions_table


def release_notes(archives: Mapping[Path, Path]) -> str:
    """Return the notes of a release in Markdown.

    Args:
        archives: zip by folder of the bundle.
    """
    return "\n\n".join(["# Release notes", *(bundle_notes(*pair) for pair in archives.items())]) + "\n"


def bundle_notes(bundle: Path, archive: Path) -> str:
    """Return the section of one bundle: what it is, what changed, how to get it."""
    facts = read_metadata(bundle)
    version = facts["version"]
    parts = [
        f"## {bundle.name} {version}",
        facts["description"],
        f"New in {version}: {facts['changelog'][version]}",
        f"`{archive.name}`, {archive.stat().st_size / 1e6:.1f} MB; checksums are in SHA256SUMS.",
        f"    python -m monai.bundle download --name {bundle.name} --version {version} --source github "
        "--repo OWNER/REPOSITORY/TAG --bundle_dir .",
    ]
    return "\n\n".join([*parts, "### Versions", versions_table(facts), "### Packages", packages_table(facts)])
