import json

import pytest

from tests.bundle.small_collection import everything
from tests.bundle.tiny_bundle import edit
from tools.bundle.change import make_version
from tools.bundle.content import content_hash
from tools.bundle.metadata_file import read_metadata
from tools.bundle.sync import stale, stale_collection
from tools.bundle.sync_check import check_sync
from tools.bundle.versions import (
    changelog_problems,
    check_new_version,
    next_version,
    recorded_versions,
    version_problems,
)

pytestmark = pytest.mark.usefixtures("known_packages")
COMMAND = 'say what changed: python -m tools sync aura_v3 --change "what changed"'


def change_config(bundle):
    edit(bundle / "configs" / "inference.json", lambda config: config.update(threshold=0.4))


def change_docs(bundle):
    docs = bundle / "docs" / "README.md"
    docs.write_text(docs.read_text() + "\nOne more remark.\n")


def change_facts(bundle):
    edit(bundle / "configs" / "metadata.json", lambda facts: facts.update(description="Another one."))


def name_a_module_that_is_not_there(bundle):
    edit(bundle / "configs" / "inference.json", lambda config: config.update(inferer={"_target_": "tools.gone.Gone"}))


@pytest.mark.parametrize("change", [change_config, change_docs, change_facts])
def test_a_changed_bundle_needs_a_new_version(bundle, change):
    change(bundle)
    assert version_problems(bundle) == [
        f"aura_v3: its content changed since version 0.1.0 was recorded, a new version is due; {COMMAND}"
    ]


def test_a_change_becomes_a_version(root, bundle):
    assert version_problems(bundle) == []
    change_config(bundle)
    assert make_version(bundle, "Something\n else ") == "0.1.1"
    facts = read_metadata(bundle)
    assert (facts["version"], list(facts["changelog"])) == ("0.1.1", ["0.1.1", "0.1.0"])
    assert facts["changelog"]["0.1.1"] == "Something else"
    assert recorded_versions(bundle).keys() == {"0.1.0", "0.1.1"}
    assert recorded_versions(bundle)["0.1.1"] == content_hash(bundle) != recorded_versions(bundle)["0.1.0"]
    assert "| 0.1.1 | Something else |" in (bundle / "docs" / "README.md").read_text()
    assert version_problems(bundle) == stale(bundle) == stale_collection(root) == []


def test_what_runs_write_is_no_change(bundle):
    for folder in ("models", "eval"):
        (bundle / folder).mkdir()
        (bundle / folder / "something.pt").write_bytes(b"weights")
    assert version_problems(bundle) == []
    make_version(bundle, "Nothing")
    assert version_problems(bundle) == []


def test_a_version_raised_by_hand_is_not_recorded(bundle):
    edit(bundle / "configs" / "metadata.json", lambda facts: facts.update(version="0.2.0"))
    assert version_problems(bundle) == ["aura_v3: version 0.2.0 has no line in the changelog of metadata.json; add one"]
    edit(bundle / "configs" / "metadata.json", lambda facts: facts["changelog"].update({"0.2.0": "By hand"}))
    assert version_problems(bundle) == [f"aura_v3: version 0.2.0 is not in versions.json; {COMMAND}"]
    assert make_version(bundle, "Better words", version="0.2.0") == "0.2.0"
    assert read_metadata(bundle)["changelog"]["0.2.0"] == "Better words"
    assert version_problems(bundle) == []


@pytest.mark.parametrize(("part", "version"), [("patch", "1.2.4"), ("minor", "1.3.0"), ("major", "2.0.0")])
def test_the_parts_of_a_version(part, version):
    assert next_version("1.2.3", part) == version


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"version": "1.0"}, "three numbers like 1.0.2, got '1.0'"),
        ({"version": "1.0.0", "changelog": {"1.0.0": "a", "v2": "b"}}, "three numbers like 1.0.2, got 'v2'"),
        ({"version": "1.0.0", "changelog": {"0.9.0": "a"}}, "version 1.0.0 has no line in the changelog"),
        ({"version": "1.0.0", "changelog": {"1.0.0": "a", "1.10.0": "b"}}, "has versions after 1.0.0: 1.10.0; raise"),
        ({}, "three numbers like 1.0.2, got 'None'"),
    ],
)
def test_a_changelog_out_of_order_is_found(facts, message):
    (problem,) = changelog_problems(facts)
    assert message in problem


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("0.2", "--version must be three numbers"),
        ("0.1.9", "version 0.1.9 is recorded already"),
        ("0.1.8", "version 0.1.8 is lower than 0.1.9; give a higher one"),
        ("0.1.10", "MONAI sorts versions as text and would take 0.1.9 for later than 0.1.10; .*--minor"),
    ],
)
def test_a_version_that_cannot_follow_is_refused(version, message):
    facts = {"version": "0.1.9", "changelog": {"0.1.9": "", "0.1.0": ""}}
    with pytest.raises(ValueError, match=message):
        check_new_version(version, facts, {"0.1.9": "hash"})
    check_new_version("0.2.0", facts, {"0.1.9": "hash"})


def test_an_error_leaves_everything_as_it_was(root, bundle, monkeypatch):
    change_docs(bundle)
    before = everything(root)
    with pytest.raises(ValueError, match="--change must say in words"):
        make_version(bundle, "  ")
    with pytest.raises(ValueError, match="recorded already"):
        make_version(bundle, "words", version="0.1.0")
    name_a_module_that_is_not_there(bundle)
    before["bundles/aura_v3/configs/inference.json"] = (bundle / "configs" / "inference.json").read_bytes()
    with pytest.raises(ValueError, match="gone"):
        make_version(bundle, "words")
    assert everything(root) == before


def test_the_check_lists_everything_at_once(root, bundle):
    assert "fresh" in check_sync(root, [bundle])
    change_config(bundle)
    (bundle / "LICENSE").write_text("Free.")
    (root / "README.md").write_text((root / "README.md").read_text().replace("NSCLC", "LIDC"))
    with pytest.raises(ValueError, match="(?s)^3 out of step\n.*README.md is stale.*LICENSE is stale.*content changed"):
        check_sync(root, [bundle])


def test_a_bundle_that_cannot_be_packed_is_in_the_list(root, bundle):
    name_a_module_that_is_not_there(bundle)
    with pytest.raises(ValueError, match="(?s)^1 out of step.*aura_v3: .*no module tools.gone"):
        check_sync(root, [bundle])


def test_a_record_with_the_marks_of_a_merge_is_named(root, bundle):
    record = root / "bundles" / "versions.json"
    record.write_text("<<<<<<< HEAD\n" + record.read_text())
    with pytest.raises(ValueError, match=r"(?s)^1 out of step.*versions\.json is not JSON: .*; after a merge keep the"):
        check_sync(root, [bundle])


def test_the_record_is_one_file_for_all_bundles(root):
    versions = json.loads((root / "bundles" / "versions.json").read_text())
    assert list(versions) == ["aura_v3"]
    assert len(versions["aura_v3"]["0.1.0"]) == 64
