"""The demonstration passes on what it was asked for; running it is the README's affair."""

from types import SimpleNamespace

import pytest

from tools.bundle import demo
from tools.bundle.collection import bundle_names
from tools.bundle.demo import Demo


@pytest.fixture
def calls(monkeypatch):
    """Commands that would have been run, and phantoms that would have been written."""
    made = []

    def write_phantom(folder, **options):
        folder.mkdir(parents=True)
        made.append(("phantom", folder.name, options))

    entry = SimpleNamespace(write_phantom=lambda: write_phantom, options=lambda: {"val_fraction", "allow_empty"})
    monkeypatch.setattr(demo, "dataset_entry", lambda name: entry)
    monkeypatch.setattr(Demo, "call", lambda self, *words: made.append(tuple(map(str, words))))
    monkeypatch.setattr(Demo, "closing_table", lambda self: "")
    return made


def option(words, name):
    return words[words.index(f"--{name}") + 1]


@pytest.mark.parametrize("bundle", bundle_names())
def test_every_step_gets_its_folder_and_the_seed(bundle, calls, tmp_path):
    Demo(bundle, tmp_path / "out", patients=5, seed=7).run()
    phantom, prepare, train, untrained, evaluate, infer = calls
    assert phantom[2] == {"patients": 5, "grade": "easy", "seed": 7}
    assert [option(words, "seed") for words in (prepare, train, untrained)] == ["7"] * 3
    assert (option(prepare, "val_fraction"), option(prepare, "allow_empty")) == ("0.2", "true")
    assert "--test_fraction" not in prepare  # this converter does not know it
    assert option(train, "output_dir") == str(tmp_path / "out")  # where the closing table says that the report is
    assert option(untrained, "load_pretrain") == "false"
    assert option(prepare, "source") == option(infer, "dataset_dir") == str(tmp_path / "out" / phantom[1])
    assert {option(words, "dataset_dir") for words in (train, untrained, evaluate)} == {option(prepare, "output")}
    assert "evaluate.json" in option(evaluate, "config_file")


def test_another_phantom_is_made_for_other_patients_or_another_seed(calls, tmp_path):
    for patients, seed in ((5, 7), (5, 7), (6, 7), (6, 8)):
        Demo(bundle_names()[0], tmp_path, patients, seed).phantom()
    assert [(made[2]["patients"], made[2]["seed"]) for made in calls] == [(5, 7), (6, 7), (6, 8)]


def test_too_few_patients_are_refused(tmp_path):
    with pytest.raises(ValueError, match="patients must be at least 3, to train on and to validate on, got 2"):
        Demo(bundle_names()[0], tmp_path, patients=2)
