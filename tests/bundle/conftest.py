"""A small collection to change, and what its bundle is verified with."""

from pathlib import Path

import pytest

from tests.bundle.small_collection import bundle, collection_in_step, known_packages, root
from tests.bundle.tiny_bundle import NAME
from tools.bundle.pack import pack
from tools.bundle.verify import workshop

__all__ = ["bundle", "collection_in_step", "known_packages", "root"]


@pytest.fixture(scope="module")
def shop():
    """Clean processes and phantoms for all tests of a file."""
    with workshop() as opened:
        yield opened


@pytest.fixture(scope="session")
def whole(collection_in_step, tmp_path_factory) -> Path:
    """The zip of an unbroken bundle, to copy from."""
    return pack(collection_in_step / "bundles" / NAME, tmp_path_factory.mktemp("whole"))
