import shutil

import pytest

from tests.bundle.small_collection import everything
from tests.bundle.tiny_bundle import edit
from tools.bundle.generated_block import block_lines
from tools.bundle.sync import stale, stale_collection, sync_bundle, sync_collection

pytestmark = pytest.mark.usefixtures("known_packages")


def test_what_is_in_step_is_left_alone(root, bundle):
    before = everything(root)
    assert stale(bundle) == stale_collection(root) == []
    assert sync_bundle(bundle) == sync_collection(root) == []
    assert everything(root) == before


def name_label(facts):
    facts["network_data_format"]["outputs"]["pred"]["channel_def"]["1"] = "tumour"


def ask_for_too_little(facts):
    facts["required_packages_version"].pop("nibabel")


def ask_for_too_much(facts):
    facts["required_packages_version"]["pandas"] = "1.0"


@pytest.mark.parametrize(
    ("change", "files"),
    [
        (name_label, ["docs/README.md"]),
        (ask_for_too_little, ["configs/metadata.json"]),
        (ask_for_too_much, ["configs/metadata.json"]),
    ],
)
def test_what_no_longer_follows_from_the_metadata_is_found_and_mended(root, bundle, change, files):
    before = everything(bundle)
    edit(bundle / "configs" / "metadata.json", change)
    assert stale(bundle) == [f"aura_v3: {name} is stale; run `python -m tools sync aura_v3`" for name in files]
    assert [file.relative_to(bundle).as_posix() for file in sync_bundle(bundle)] == files
    assert stale(bundle) == []
    if change is name_label:
        assert stale_collection(root) == ["collection: README.md is stale; run `python -m tools sync`"]
        assert sync_collection(root) == [root / "README.md"]
        assert "1 tumour" in (root / "README.md").read_text()
    else:
        assert everything(bundle)["docs/README.md"] == before["docs/README.md"]


def test_a_table_that_was_written_over_by_hand_is_stale(bundle):
    docs = bundle / "docs" / "README.md"
    good = docs.read_text()
    docs.write_text(good.replace("| 1 | gross tumour volume |", "| 1 | tumor |"))
    assert len(stale(bundle)) == 1
    sync_bundle(bundle)
    assert docs.read_text() == good


def test_words_outside_of_the_tables_are_free(bundle):
    docs = bundle / "docs" / "README.md"
    docs.write_text(docs.read_text() + "\nOne more remark.\n")
    assert stale(bundle) == []


@pytest.mark.parametrize("name", ["LICENSE", "configs/logging.conf"])
def test_default_files_equal_the_default(bundle, name):
    good = (bundle / name).read_bytes()
    for change in (lambda file: file.write_bytes(good + b"\n"), lambda file: file.unlink()):
        change(bundle / name)
        assert stale(bundle) == [f"aura_v3: {name} is stale; run `python -m tools sync aura_v3`"]
        sync_bundle(bundle)
        assert (bundle / name).read_bytes() == good


def test_a_file_of_its_own_is_kept_when_the_metadata_says_why(bundle):
    own = bundle / "configs" / "logging.conf"
    own.write_text("# louder\n")
    edit(bundle / "configs" / "metadata.json", lambda facts: facts.update(own_files={"configs/logging.conf": "louder"}))
    assert stale(bundle) == []
    assert own.read_text() == "# louder\n"


@pytest.mark.parametrize("own", [{"configs/train.json": "mine"}, {"LICENSE": " "}])
def test_a_file_of_its_own_needs_a_default_and_a_reason(bundle, own):
    edit(bundle / "configs" / "metadata.json", lambda facts: facts.update(own_files=own))
    with pytest.raises(ValueError, match="own_files in the metadata: .* have no default, .* have no reason; .*LICENSE"):
        sync_bundle(bundle)


def test_all_missing_blocks_are_named_at_once_and_nothing_is_written(root, bundle):
    docs = bundle / "docs" / "README.md"
    text = docs.read_text()
    for name in ("labels", "versions"):
        text = text.replace(block_lines(name)[0], "")
    docs.write_text(text)
    (bundle / "LICENSE").unlink()
    before = everything(root)
    assert ["labels" in line or "versions" in line for line in stale(bundle)] == [True, True, False]
    with pytest.raises(ValueError, match="nothing written; .*block 'labels'.*block 'versions'"):
        sync_bundle(bundle)
    assert everything(root) == before


def test_metadata_without_a_fact_for_the_tables_is_named(root, bundle):
    edit(bundle / "configs" / "metadata.json", lambda facts: (facts.pop("input"), facts.pop("numpy_version")))
    assert stale(bundle) == ["aura_v3: configs/metadata.json has no 'numpy_version'; add it"]
    assert stale_collection(root) == ["collection: a configs/metadata.json has no 'input'; add it"]


def test_a_collection_without_a_readme_says_so(root):
    (root / "README.md").unlink()
    with pytest.raises(ValueError, match="README.md"):
        sync_collection(root)


def test_bundles_that_are_gone_leave_the_table(root, bundle):
    shutil.rmtree(bundle)
    sync_collection(root)
    assert "aura_v3" not in (root / "README.md").read_text()
