"""Versions follow from content: bundles/versions.json keeps the hash of what each version of a bundle contains."""

import json
import re
from pathlib import Path
from typing import Any

from ..report.run_files import write_text
from .content import content_hash
from .metadata_file import read_metadata
from .tables import version_key

VERSIONS = "versions.json"
FORM = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}")
PARTS = ("major", "minor", "patch")


def recorded_versions(bundle: Path) -> dict[str, str]:
    """Return the content hash of each recorded version of a bundle, from the file beside it."""
    return all_versions(bundle.parent).get(bundle.name, {})


def all_versions(bundles: Path) -> dict[str, dict[str, str]]:
    """Return the recorded versions of all bundles in a folder.

    Raises:
        ValueError: when the record cannot be read.
    """
    file = bundles / VERSIONS
    try:
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except ValueError as error:
        raise ValueError(f"{file} is not JSON: {error}; after a merge keep the lines of both sides") from error


def version_problems(bundle: Path) -> list[str]:
    """Return what is wrong with the version of a bundle in a collection, one line each."""
    facts = read_metadata(bundle)
    problems = changelog_problems(facts)
    if problems:
        return [f"{bundle.name}: {problem}" for problem in problems]
    version, recorded = facts["version"], recorded_versions(bundle)
    ask = f'say what changed: python -m tools sync {bundle.name} --change "what changed"'
    if version not in recorded:
        return [f"{bundle.name}: version {version} is not in {VERSIONS}; {ask}"]
    if recorded[version] != content_hash(bundle):
        return [f"{bundle.name}: its content changed since version {version} was recorded, a new version is due; {ask}"]
    return []


def changelog_problems(facts: dict[str, Any]) -> list[str]:
    """Return what is wrong with the version and the changelog of a metadata.json."""
    version, changelog = str(facts.get("version")), facts.get("changelog") or {}
    wrong = [name for name in (version, *changelog) if not FORM.fullmatch(name)]
    if wrong:
        return [f"a version is three numbers like 1.0.2, got {', '.join(map(repr, dict.fromkeys(wrong)))}"]
    if version not in changelog:
        return [f"version {version} has no line in the changelog of metadata.json; add one"]
    later = [name for name in changelog if version_key(name) > version_key(version)]
    return [f"the changelog has versions after {version}: {', '.join(later)}; raise the version"] if later else []


def next_version(current: str, part: str) -> str:
    """Return the version that follows when the given part, one of `PARTS`, is raised."""
    numbers, place = version_key(current), PARTS.index(part)
    return ".".join(map(str, (*numbers[:place], numbers[place] + 1, *[0] * (2 - place))))


def check_new_version(version: str, facts: dict[str, Any], recorded: dict[str, str]) -> None:
    """Refuse a version that cannot follow on those there are.

    MONAI sorts versions as text to find the latest: 0.1.10 would come before 0.1.9.

    Raises:
        ValueError: saying why, and what to give instead.
    """
    if not FORM.fullmatch(version):
        raise ValueError(f"--version must be three numbers like 1.0.2, got '{version}'")
    if version in recorded:
        raise ValueError(f"version {version} is recorded already; leave --version out, or give a higher one")
    earlier = [name for name in {facts["version"], *facts["changelog"], *recorded} if name != version]
    above = [name for name in earlier if version_key(name) > version_key(version)]
    if above:
        raise ValueError(f"version {version} is lower than {max(above, key=version_key)}; give a higher one")
    astray = [name for name in earlier if name > version]
    if astray:
        raise ValueError(
            f"MONAI sorts versions as text and would take {max(astray)} for later than {version}; "
            "raise the next part: --minor, --major or --version X.Y.Z"
        )


def record_version(bundles: Path, name: str, version: str, digest: str) -> Path:
    """Write the content hash of a version of a bundle to the file beside the bundles."""
    versions = all_versions(bundles)
    versions.setdefault(name, {})[version] = digest
    return write_text(bundles / VERSIONS, json.dumps(dict(sorted(versions.items())), indent=4) + "\n")
