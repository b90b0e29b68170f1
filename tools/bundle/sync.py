"""What follows from the metadata of a bundle and from the default files, brought up to date or reported as stale."""

from pathlib import Path

from .default_files import default_files
from .derived_files import DerivedFiles
from .generated_block import with_block
from .metadata_file import METADATA, read_metadata, with_facts
from .required_packages import required_packages
from .tables import COLLECTION_BLOCK, bundle_tables, collection_table

DOCS = Path("docs", "README.md")
README = Path("README.md")


def sync_bundle(bundle: Path) -> list[Path]:
    """Bring a bundle up to date: required packages, tables in docs/README.md, default files. Return what was written.

    Raises:
        ValueError: listing all that stands in the way; nothing is written then.
    """
    return derived_from_bundle(bundle).write()


def sync_collection(root: Path) -> list[Path]:
    """Bring the table of bundles in the README of a collection up to date. Return what was written.

    Raises:
        ValueError: saying what stands in the way; nothing is written then.
    """
    return derived_from_collection(root).write()


def stale(bundle: Path) -> list[str]:
    """Return what `sync` would change in a bundle, or cannot, one line each."""
    return derived_from_bundle(bundle).stale()


def stale_collection(root: Path) -> list[str]:
    """Return what `sync` would change in the README of a collection, or cannot, one line each."""
    return derived_from_collection(root).stale()


def derived_from_bundle(bundle: Path) -> DerivedFiles:
    """Return the derived files of a bundle as they should be."""
    derived = DerivedFiles(bundle, f"python -m tools sync {bundle.name}")
    try:
        packages = required_packages(bundle)
        text = (bundle / METADATA).read_text(encoding="utf-8")
        docs = (bundle / DOCS).read_text(encoding="utf-8")
        facts = read_metadata(bundle) | {"required_packages_version": packages}
        derived.texts[METADATA] = with_facts(text, required_packages_version=packages)
        derived.texts |= {Path(name): default for name, default in default_files(facts).items()}
        tables = bundle_tables(facts)
    except KeyError as error:
        derived.problems.append(f"{METADATA} has no {error}; add it")
    except (OSError, ValueError) as error:
        derived.problems.append(str(error))
    else:
        fill_blocks(derived, DOCS, docs, tables)
    return derived


def derived_from_collection(root: Path) -> DerivedFiles:
    """Return the README of a collection as it should be."""
    derived = DerivedFiles(root, "python -m tools sync")
    try:
        table = collection_table(bundles_of(root))
        readme = (root / README).read_text(encoding="utf-8")
    except KeyError as error:
        derived.problems.append(f"a {METADATA} has no {error}; add it")
    except (OSError, ValueError) as error:
        derived.problems.append(str(error))
    else:
        fill_blocks(derived, README, readme, {COLLECTION_BLOCK: table})
    return derived


def fill_blocks(derived: DerivedFiles, name: Path, text: str, tables: dict[str, str]) -> None:
    """Add a text with its blocks filled, or all reasons why they cannot be."""
    for block, content in tables.items():
        try:
            text = with_block(text, block, content)
        except ValueError as error:
            derived.problems.append(f"{name}: {error}")
    derived.texts[name] = text


def bundles_of(root: Path) -> list[Path]:
    """Return the folders of the bundles of a collection, sorted."""
    return sorted(file.parents[1] for file in root.glob(f"bundles/*/{METADATA}"))
