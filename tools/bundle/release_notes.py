"""Release notes from the changelogs of bundles."""

import re
from collections.abc import Mapping
from pathlib import Path

from .metadata_file import read_metadata
from .tables import packages_table, versions_table

GITHUB = re.compile(r"https://github\.com/([^/]+/[^/]+)/releases/download/([^/]+)/?")


def release_notes(archives: Mapping[Path, Path], base_url: str = "") -> str:
    """Return the notes of a release in Markdown.

    Args:
        archives: zip by folder of the bundle.
        base_url: address of the folder that the zips will be downloaded from.
    """
    notes = (bundle_notes(bundle, archive, base_url) for bundle, archive in archives.items())
    return "\n\n".join(["# Release notes", *notes]) + "\n"


def bundle_notes(bundle: Path, archive: Path, base_url: str) -> str:
    """Return the section of one bundle: what it is, what changed, how to get it."""
    facts = read_metadata(bundle)
    version = facts["version"]
    parts = [
        f"## {bundle.name} {version}",
        facts["description"],
        f"New in {version}: {facts['changelog'][version]}",
        f"`{archive.name}`, {archive.stat().st_size / 1e6:.1f} MB; checksums are in SHA256SUMS.",
        f"    python -m monai.bundle download --name {bundle.name} {place(archive, version, base_url)} --bundle_dir .",
    ]
    return "\n\n".join([*parts, "### Versions", versions_table(facts), "### Packages", packages_table(facts)])


def place(archive: Path, version: str, base_url: str) -> str:
    """Return the options that tell ``monai.bundle download`` where a zip is: in a release on GitHub, or elsewhere."""
    on_github = GITHUB.fullmatch(base_url)
    if base_url and not on_github:
        return f"--url {base_url.rstrip('/')}/{archive.name}"
    repository = on_github.expand(r"\1/\2") if on_github else "OWNER/REPOSITORY/TAG"
    return f"--version {version} --source github --repo {repository}"
