"""Which synthetic data a bundle is tested on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bundles.bundle_runs import CLASSIFIERS


@pytest.fixture
def data_of(request) -> Callable[[str], Path]:
    """Name of a bundle -> a converted phantom of the kind that it takes."""
    return lambda bundle: request.getfixturevalue("xrays" if bundle in CLASSIFIERS else "phantom")
