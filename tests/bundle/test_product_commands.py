"""`sync`, `new` and `release` from the command line, on a small collection."""

import sys

import pytest

from tests.bundle.small_collection import everything
from tests.bundle.tiny_bundle import edit
from tools.__main__ import main
from tools.bundle import collection

NEW = "lung_lesion_segmentation"


@pytest.fixture
def call(root, known_packages, monkeypatch, capsys):
    """Run a command on the small collection; returns its exit status and all it printed."""
    monkeypatch.setattr(collection, "REPOSITORY", root)
    monkeypatch.setattr(collection, "BUNDLES", root / "bundles")
    monkeypatch.chdir(root)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["tools", *map(str, words)])
        try:
            main()
            status = 0
        except SystemExit as stop:
            status = int(stop.code or 0)
        told = capsys.readouterr()
        return status, told.out + told.err

    return run


def test_a_change_from_check_to_version(call, bundle):
    assert call("sync", "--check") == (0, "all derived files are fresh and all versions follow their content\n")
    edit(bundle / "configs" / "inference.json", lambda config: config.update(threshold=0.4))
    status, text = call("sync", "--check")
    assert status == 2
    assert 'python -m tools sync aura_v3 --change "what changed"' in text
    assert call("sync", "aura_v3", "--change", "Threshold is 0.4", "--minor") == (
        0,
        "aura_v3 is now version 0.2.0; wrote its metadata, its documents and bundles/versions.json\n",
    )
    assert call("sync", "--check")[0] == 0


def test_sync_says_what_it_wrote(call, bundle):
    assert call("sync") == (0, "all files were up to date\n")
    (bundle / "LICENSE").write_text("Free.")
    assert call("sync") == (0, "wrote bundles/aura_v3/LICENSE\n")


def test_sync_says_that_a_version_is_due_and_how_to_give_it(call, bundle):
    edit(bundle / "configs" / "inference.json", lambda config: config.update(threshold=0.4))
    (bundle / "LICENSE").write_text("Free.")
    due = (
        "aura_v3: its content changed since version 0.1.0 was recorded, a new version is due; say what changed: "
        'python -m tools sync aura_v3 --change "what changed"\n'
    )
    assert call("sync", "aura_v3") == (0, f"wrote bundles/aura_v3/LICENSE\n{due}")
    assert call("sync") == (0, f"all files were up to date\n{due}")
    (bundle / "configs" / "id_rsa").write_text("no key, but called like one")
    status, text = call("sync")
    assert status == 0  # what follows from the metadata is written; that the bundle cannot be packed is said
    assert "configs/id_rsa: has a name that secrets have" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("aura_v9",), "unknown bundle 'aura_v9'; those there are: aura_v3"),
        (("--minor",), 'a new version needs words: add --change "what changed"'),
        (("aura_v3", "--version", "1.0.0"), "a new version needs words"),
        (("--change", "words"), "--change takes one bundle"),
        (("aura_v3", "--change", "words", "--check"), "and no --check"),
        (("aura_v3", "--change", "words", "--minor", "--major"), "at most one of --minor, --major, --version"),
        (("aura_v3", "--change", "words", "--version", "1.5"), "three numbers like 1.0.2, got '1.5'"),
        (("aura_v3", "--change"), "--change must say in words what changed"),
    ],
)
def test_wrong_words_for_sync_change_nothing(call, root, words, message):
    before = everything(root)
    status, text = call("sync", *words)
    assert status == 2
    assert message in text
    assert everything(root) == before


def test_new_then_release(call, root):
    status, text = call("new", NEW, "--like", "aura_v3")
    assert status == 0
    assert f"made bundles/{NEW}, like aura_v3; try it: python -m tools verify {NEW}" in text
    assert f"MONAI Label takes '{NEW}' for a segmentation" in text
    status, text = call("release", "--output", "out")
    assert status == 0
    assert "give --base_url before you publish it" in text
    assert f"out/{NEW}_v0.1.0.zip" in text
    assert (root / "out" / "model_info.json").is_file()


def test_new_says_what_is_wrong_in_one_line(call, root):
    assert call("new", "Mine", "--like", "yours") == (
        2,
        "error: 'Mine' is no name of a bundle: give lower-case letters, digits and single _, like aura_v3; "
        "--like 'yours' is no bundle; those there are: aura_v3\n",
    )


@pytest.mark.parametrize("command", ["sync", "new", "release"])
def test_help_shows_an_example(call, command, monkeypatch):
    monkeypatch.setenv("PAGER", "cat")
    status, text = call(command, "--help")
    assert status == 0
    assert f"Example: python -m tools {command}" in text


def test_one_check_of_verify_alone(call, root):
    status, text = call("verify", "aura_v3", "--only", "tables,version")
    assert status == 0
    assert [line.split() for line in text.splitlines() if "aura_v3" in line and ":" not in line] == [
        ["aura_v3", "ok", "ok"]
    ]
    status, text = call("verify", "aura_v3", "--only", "speed")
    assert status == 2
    assert "unknown checks: speed; there are: files, metadata" in text
