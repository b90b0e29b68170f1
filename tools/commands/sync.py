"""``python -m tools sync``: what follows from metadata and default files, brought up to date."""


def run(
    *names: str,
    check: bool = False,
    change: str | None = None,
    minor: bool = False,
    major: bool = False,
    version: str | None = None,
) -> None:
    """Write what is made from metadata.json: tables in the READMEs, required packages, default files, versions.

    Without --change nothing but that is written, and a version that is due is only said. With --change the bundle as it
    is now gets a new version: its number, the line in the changelog and the hash of its content in
    bundles/versions.json.

    Example: python -m tools sync aura_v3 --change "Threshold of inference is 0.4"

    Args:
        names: of the bundles; none for all.
        check: write nothing; list what is stale and which versions are due, and fail if there is anything.
        change: what changed in the bundle, for the changelog; raises the last number of the version.
        minor: raise the middle number instead.
        major: raise the first number instead.
        version: the new version itself.
    """
    from ..bundle.change import make_version
    from ..bundle.collection import REPOSITORY, bundle_folder, bundle_names
    from ..bundle.sync import sync_bundle, sync_collection
    from ..bundle.sync_check import check_sync, versions_due

    bundles = [bundle_folder(str(name)) for name in names or bundle_names()]
    parts = [part for part, given in (("minor", minor), ("major", major)) if given]
    if change is None and (parts or version is not None):
        raise ValueError('a new version needs words: add --change "what changed"')
    if change is not None and (check or len(names) != 1 or len(parts) + (version is not None) > 1):
        raise ValueError("--change takes one bundle, at most one of --minor, --major, --version, and no --check")
    if check:
        print(check_sync(REPOSITORY, bundles))
        return
    if change is not None:
        words = "" if change is True else str(change)  # Fire's value for an option without one
        new = make_version(bundles[0], words, *parts, version=None if version is None else str(version))
        print(f"{bundles[0].name} is now version {new}; wrote its metadata, its documents and bundles/versions.json")
    written = [file for bundle in bundles for file in sync_bundle(bundle)] + sync_collection(REPOSITORY)
    lines = [f"wrote {file.relative_to(REPOSITORY)}" for file in written]
    if not lines and change is None:
        lines = ["all files were up to date"]
    for line in [*lines, *versions_due(bundles)]:
        print(line)
