import json

import pytest
from monai.bundle import ConfigWorkflow

from tests.bundle.small_collection import everything
from tests.bundle.tiny_bundle import NAME, edit
from tools.bundle import new
from tools.bundle.metadata_file import read_metadata
from tools.bundle.name_notes import hidden_from_listing, label_task, name_notes
from tools.bundle.new import mention, new_bundle
from tools.bundle.pack import pack
from tools.bundle.sync_check import check_sync

NEW = "lung_lesion_segmentation"


def test_a_new_bundle_is_in_step_and_speaks_of_itself(root, bundle, tmp_path):
    (bundle / "large_files.yml").write_text("large_files: []\n")
    (bundle / "docs" / "aura_v3.png").write_bytes(b"\x89PNG\xff")
    (bundle / "models").mkdir()
    (bundle / "models" / "model.pt").write_bytes(b"weights")
    published = {"eval_metrics": {"mean_dice": 0.8}, "weights": "trained on all of it"}
    edit(bundle / "configs" / "metadata.json", lambda facts: facts.update(published))
    before = everything(bundle)
    made = new_bundle(root, NEW, NAME)
    assert made == root / "bundles" / NEW
    assert check_sync(root, [made])
    files = everything(made)
    assert sorted(files) == sorted(
        name.replace("aura_v3", NEW) for name in before if name not in ("large_files.yml", "models/model.pt")
    )
    assert files[f"docs/{NEW}.png"] == b"\x89PNG\xff"
    facts = read_metadata(made)
    assert facts["changelog"] == {"0.1.0": f"First version, made like aura_v3 {read_metadata(bundle)['version']}"}
    assert (facts["version"], facts["eval_metrics"], facts["weights"]) == ("0.1.0", {}, "")
    mentions = {name: content.count(b"aura_v3") for name, content in files.items() if b"aura_v3" in content}
    assert mentions == {"configs/metadata.json": 1, "docs/README.md": 1}  # the line of the changelog
    readme = (root / "README.md").read_text()
    assert f"| [{NEW}](bundles/{NEW}/docs/README.md) |" in readme
    assert "| [aura_v3](" in readme
    assert everything(bundle) == before
    assert pack(made, tmp_path / "dist").name == f"{NEW}_v0.1.0.zip"


def test_its_configurations_have_what_monai_asks_for(root, phantom, monkeypatch):
    made = new_bundle(root, NEW, NAME)
    monkeypatch.chdir(root)
    flow = ConfigWorkflow(
        str(made / "configs" / "inference.json"), workflow_type="infer", logging_file=False,
        dataset_dir=str(phantom / "images"), load_pretrain=False,
    )  # fmt: skip
    flow.initialize()
    assert flow.check_properties() == []
    assert flow.bundle_root == f"bundles/{NEW}"


@pytest.mark.parametrize(
    ("name", "like", "message"),
    [
        ("Aura", NAME, "'Aura' is no name of a bundle: give lower-case letters"),
        ("../aura", NAME, "'../aura' is no name"),
        ("a__b", NAME, "'a__b' is no name"),
        ("9lives", NAME, "'9lives' is no name"),
        (NAME, NAME, "'aura_v3' is taken"),
        ("gone", NAME, "'gone' has versions in versions.json from before"),
        ("Aura", "nothing", "'Aura' is no name.*; --like 'nothing' is no bundle; those there are: aura_v3"),
    ],
)
def test_wrong_names_are_refused_all_at_once(root, name, like, message):
    versions = json.loads((root / "bundles" / "versions.json").read_text())
    (root / "bundles" / "versions.json").write_text(json.dumps({**versions, "gone": {"0.1.0": "hash"}}))
    before = everything(root)
    with pytest.raises(ValueError, match=message):
        new_bundle(root, name, like)
    assert everything(root) == before


def no_place_for_the_table(root, monkeypatch):
    (root / "README.md").write_text("# Collection\n")


def a_module_that_is_not_there(root, monkeypatch):
    config = root / "bundles" / NAME / "configs" / "inference.json"
    edit(config, lambda content: content.update(inferer={"_target_": "tools.gone.Gone"}))


def a_full_disk(root, monkeypatch):
    monkeypatch.setattr(new, "record_version", lambda *words: (_ for _ in ()).throw(OSError("No space left")))


@pytest.mark.parametrize("spoil", [no_place_for_the_table, a_module_that_is_not_there, a_full_disk])
def test_nothing_is_left_of_a_bundle_that_could_not_be_made(root, monkeypatch, spoil):
    spoil(root, monkeypatch)
    before = everything(root)
    with pytest.raises((OSError, ValueError), match="block 'bundles'|no module tools.gone|No space left"):
        new_bundle(root, NEW, NAME)
    assert everything(root) == before
    assert not list((root / "bundles").glob(".new-*"))


def test_mentions_are_whole_names_and_those_in_front_of_a_version():
    text = "aura_v3 bundles/aura_v3/x aura_v3_v0.1.0.zip my_aura_v3 aura_v3_seg aura_v30 'aura_v3'"
    assert mention("aura_v3").sub("b", text) == "b bundles/b/x b_v0.1.0.zip my_aura_v3 aura_v3_seg aura_v30 'b'"


@pytest.mark.parametrize(
    ("name", "task", "hidden"),
    [
        ("aura_v3", "segmentation", True),
        ("aura_vae", "segmentation", True),
        ("gi_tract_beit", "segmentation", False),
        ("chest_xray_pneumonia_classification", "classification", False),
        ("lung_nodule_detection", "detection", False),
    ],
)
def test_notes_say_what_others_read_from_a_name(name, task, hidden):
    assert (label_task(name), hidden_from_listing(name)) == (task, hidden)
    assert any("--version" in note for note in name_notes(name)) is hidden
