"""The environment in which the server of these tests runs."""

import os

import pytest


@pytest.fixture(scope="session")
def python() -> str:
    """The Python of an environment with MONAI Label."""
    path = os.environ.get("LABEL_PYTHON")
    if not path:
        pytest.fail("LABEL_PYTHON must name the Python of an environment with MONAI Label: run `make label-test`")
    return path
