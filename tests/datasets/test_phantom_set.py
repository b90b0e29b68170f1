import logging
import os
import shutil

import pytest

from tests.datasets.test_nsclc_radiomics import patient, tree_of
from tools.datasets import nsclc_phantom, nsclc_radiomics, phantom_set
from tools.datasets.nsclc_radiomics import datalist


@pytest.fixture
def small_phantom(monkeypatch):
    calls = []

    def write_phantom(folder, *, patients, grade, seed):
        calls.append((patients, grade, seed))
        for index in range(patients):
            patient(folder, f"PHANTOM-{index:03d}", manufacturer="MONAI bundle phantom", contours=index % 2)

    monkeypatch.setattr(nsclc_phantom, "write_phantom", write_phantom)
    phantom_set._warn_once.cache_clear()
    return calls


def test_without_a_dataset_a_phantom_is_made_once_with_one_warning(tmp_path, small_phantom, caplog):
    with caplog.at_level(logging.WARNING):
        training = datalist(None, "training", tmp_path / "phantom", phantom_patients=4)
        validation = datalist("", "validation", tmp_path / "phantom", phantom_patients=4)
    assert small_phantom == [(4, "easy", 0)]
    assert [record.message[:27] for record in caplog.records] == ["no dataset_dir was given: a"]
    assert all(item["phantom"] for item in training + validation)
    assert {item["patient"] for item in training}.isdisjoint({item["patient"] for item in validation})
    datalist(None, "training", tmp_path / "phantom", phantom_patients=5, phantom_seed=1)
    assert small_phantom[1:] == [(5, "easy", 1)]
    assert not list((tmp_path / "phantom").glob(".phantom-*"))


def test_a_failing_phantom_leaves_nothing_behind(tmp_path, monkeypatch, small_phantom):
    monkeypatch.setattr(nsclc_radiomics, "prepare", lambda *args, **options: 1 / 0)
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        datalist(None, "training", tmp_path / "phantom")
    assert tree_of(tmp_path / "phantom") == set()


def test_the_first_of_two_processes_wins(tmp_path, monkeypatch, small_phantom):
    real = os.replace

    def late(draft, made):
        if "patients-seed" in str(made) and not os.path.exists(made):
            shutil.copytree(draft, made)
        real(draft, made)

    monkeypatch.setattr(phantom_set.os, "replace", late)
    assert len(datalist(None, "training", tmp_path / "phantom", phantom_patients=3)) == 2


def test_ranks_wait_for_the_first(tmp_path, monkeypatch, small_phantom):
    order = []
    fake = phantom_set.torch.distributed
    monkeypatch.setattr(fake, "is_initialized", lambda: True)
    monkeypatch.setattr(fake, "get_rank", lambda: 0)
    monkeypatch.setattr(fake, "barrier", lambda: order.append(len(small_phantom)))
    datalist(None, "training", tmp_path / "phantom", phantom_patients=3)
    assert order == [1]
    assert len(small_phantom) == 1


def test_a_wrong_dataset_dir_names_path_expectation_and_command(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere does not exist; expected there: datalist.json") as error:
        datalist(tmp_path / "nowhere", "training", tmp_path / "phantom")
    assert "python -m tools prepare nsclc_radiomics --source RAW --output" in str(error.value)
    with pytest.raises(FileNotFoundError, match="has no datalist.json"):
        datalist(tmp_path, "training", tmp_path / "phantom")
    assert not (tmp_path / "phantom").exists()
