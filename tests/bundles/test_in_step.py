"""What is committed is in step: generated files are fresh, and a bundle that changed has a new version."""

import re
import shutil
from pathlib import Path

import pytest

from tools.bundle.collection import REPOSITORY, bundle_folder, bundle_names
from tools.bundle.sync_check import check_sync
from tools.bundle.versions import VERSIONS, version_problems


def test_all_bundles_are_in_step():
    bundles = [bundle_folder(name) for name in bundle_names()]
    assert check_sync(REPOSITORY, bundles) == "all derived files are fresh and all versions follow their content"


@pytest.mark.parametrize("name", bundle_names())
def test_a_number_changed_in_a_config_asks_for_a_new_version(name, tmp_path: Path):
    bundle = tmp_path / name
    shutil.copytree(bundle_folder(name), bundle, ignore=shutil.ignore_patterns("models", "eval"))
    shutil.copy(bundle_folder(name).parent / VERSIONS, tmp_path / VERSIONS)
    assert version_problems(bundle) == []
    config = bundle / "configs" / "train.json"
    config.write_text(re.sub(r'"seed": \d+,', '"seed": 999,', config.read_text(encoding="utf-8")), encoding="utf-8")
    assert "content changed since version" in version_problems(bundle)[0]
