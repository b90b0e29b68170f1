"""A collection of one tiny bundle in a folder of its own, in step: to change, to release and to add to."""

import shutil
from pathlib import Path

import pytest

from tests.bundle.tiny_bundle import NAME, tiny_bundle
from tools.bundle import sync
from tools.bundle.content import content_hash
from tools.bundle.generated_block import block_lines
from tools.bundle.metadata_file import read_metadata
from tools.bundle.sync import sync_bundle, sync_collection
from tools.bundle.versions import record_version


def small_collection(root: Path) -> Path:
    """Write a README, one bundle and its record of versions below ``root``, and return ``root``."""
    (root / "bundles").mkdir(parents=True)
    (root / "README.md").write_text("# Collection\n\n{}\n{}\n\nMore words.\n".format(*block_lines("bundles")))
    bundle = tiny_bundle(root / "bundles")
    sync_bundle(bundle)
    sync_collection(root)
    record_version(root / "bundles", NAME, read_metadata(bundle)["version"], content_hash(bundle))
    return root


def everything(root: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder, to compare."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def collection_in_step(tmp_path_factory) -> Path:
    """A small collection to copy from."""
    return small_collection(tmp_path_factory.mktemp("small") / "collection")


@pytest.fixture
def root(collection_in_step, tmp_path) -> Path:
    """The folder of a small collection."""
    return shutil.copytree(collection_in_step, tmp_path / "collection")


@pytest.fixture
def bundle(root) -> Path:
    """Its bundle."""
    return root / "bundles" / NAME


@pytest.fixture
def known_packages(collection_in_step, monkeypatch) -> None:
    """Take the required packages as they were found once: finding them anew reads every module."""
    facts = read_metadata(collection_in_step / "bundles" / NAME)
    monkeypatch.setattr(sync, "required_packages", lambda bundle: dict(facts["required_packages_version"]))
