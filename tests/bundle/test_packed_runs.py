"""A packed bundle where its users are: processes that know nothing of this repository."""

import shutil
from pathlib import Path

import pytest

from tests.bundle.packed_bundle import bundle_with_weights, probe, python, unpacked, vendor_of
from tools.bundle.vendoring import PACKAGE


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    return bundle_with_weights(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def packed(source, tmp_path_factory) -> Path:
    return unpacked(source, tmp_path_factory.mktemp("packed"))


@pytest.mark.slow
def test_every_workflow_runs_from_inside(packed):
    answer = probe("workflows", packed.parent, packed)
    assert [answer[name]["status"] for name in ("multi", "train", "evaluate", "inference")] == ["completed"] * 4
    assert {answer[name]["bundle"] for name in ("train", "evaluate", "inference")} == {packed.name}
    assert answer["train"]["is_phantom"]
    assert 0 <= answer["evaluate"]["metrics"]["dice"] <= 1
    assert answer["masks"] == answer["scans"] > 0
    assert (packed / "models" / "phantom" / "model.pt").is_file()


@pytest.mark.slow
def test_its_network_is_its_own_from_everywhere(packed, tmp_path):
    answer = probe("places", tmp_path, packed, tmp_path)
    assert len(answer) == 14
    own = f"{vendor_of(packed)}.networks.aura_vit"
    assert {place: value for place, value in answer.items() if value not in (own, True)} == {}


def test_two_versions_in_one_process_run_their_own_code(source, packed, tmp_path):
    package = tmp_path / "tools"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    network = package / "networks" / "aura_vit.py"
    network.write_text(network.read_text() + "\n\nAuraViT.MARK = 'second'\n")
    other = unpacked(source, tmp_path / "other", package)
    answer = probe("two", tmp_path, packed, other, tmp_path)
    assert answer["modules"] == [f"{vendor_of(folder)}.networks.aura_vit" for folder in (packed, other, packed)]
    assert len(set(answer["modules"])) == 2
    assert answer["marks"] == [None, "second", None]
    assert [Path(file).parents[2] for file in answer["files"]] == [packed, other, packed]


def test_what_is_wrong_is_said_with_commands_that_work_there(packed, tmp_path):
    answer = probe("refusals", tmp_path, packed, tmp_path)
    assert "'batch_sise' (did you mean 'batch_size'?)" in answer["override"]
    assert f"python -m {vendor_of(packed)} prepare nsclc_radiomics --source RAW" in answer["data"]
    assert "pass --dataset_dir FOLDER" in answer["nothing"]
    assert f"wrong holds no {vendor_of(packed)}: run from inside the folder of aura_v3" in answer["root"]


def test_its_own_command_line(packed):
    shown = python(packed, "-m", vendor_of(packed), "prepare", "--help")
    assert shown.returncode == 0
    assert f"Example: python -m {vendor_of(packed)} prepare" in shown.stdout + shown.stderr
    assert "python -m tools" not in shown.stdout + shown.stderr
    other = python(packed, "-m", vendor_of(packed), "prepare", "nsclc", "--source", "a", "--output", "b")
    assert other.returncode == 2
    assert other.stderr == "error: unknown data set 'nsclc'; those there are: nsclc_radiomics\n"


def test_the_plain_command_from_the_parent_finds_the_bundle(packed):
    words = ("-m", "monai.bundle", "run", "--config_file", f"{packed.name}/configs/train.json", "--max_epohcs", "1")
    done = python(packed.parent, *words)
    assert done.returncode == 1
    assert "did you mean 'max_epochs'" in done.stderr.strip().splitlines()[-1]
