"""A converted phantom that the tests of whole workflows share."""

from pathlib import Path

import pytest

from tools.datasets.nsclc_phantom import write_phantom
from tools.datasets.nsclc_radiomics import prepare


@pytest.fixture(scope="session")
def raw_phantom(tmp_path_factory) -> Path:
    """Four easy patients as DICOM."""
    folder = tmp_path_factory.mktemp("phantom") / "raw"
    write_phantom(folder, patients=4, grade="easy", seed=1)
    return folder


@pytest.fixture(scope="session")
def phantom(raw_phantom) -> Path:
    """The same, converted: two patients to train on, one to validate, one to test."""
    folder = raw_phantom.parent / "dataset"
    prepare(raw_phantom, folder, allow_empty=True, quiet=True)
    return folder


@pytest.fixture(scope="session")
def raw_xrays(tmp_path_factory) -> Path:
    """Synthetic chest X-rays in the raw form, train/ and test/."""
    from tools.datasets.kermany_phantom import write_phantom as write_xrays

    folder = tmp_path_factory.mktemp("xrays") / "raw"
    write_xrays(folder, patients=12, grade="easy", seed=1)
    return folder


@pytest.fixture(scope="session")
def xrays(raw_xrays) -> Path:
    """The same as a prepared data set."""
    from tools.datasets.kermany import prepare as prepare_xrays

    folder = raw_xrays.parent / "dataset"
    prepare_xrays(raw_xrays, folder, quiet=True)
    return folder
