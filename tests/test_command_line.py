import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from tools.__main__ import command_table, main

REPOSITORY = Path(__file__).resolve().parents[1]


def call(monkeypatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["tools", *words])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_list_shows_bundles_and_data_sets(monkeypatch, capsys):
    assert call(monkeypatch, "list") == 0
    out = capsys.readouterr().out
    assert "aura_v3" in out
    assert "nsclc_radiomics" in out


@pytest.mark.parametrize("words", ["prepare", "prepare kermany", "demo", "report", "compare"])
def test_help_names_every_argument_and_an_example(words):
    command = words.split()[0]
    done = subprocess.run(
        [sys.executable, "-m", "tools", *words.split(), "--help"],
        capture_output=True, text=True, check=False, cwd=REPOSITORY, env={"PAGER": "cat", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    text = done.stdout + done.stderr
    assert f"Example: python -m tools {command}" in text
    assert [name for name in inspect.signature(command_table()[command]).parameters if name not in text.lower()] == []
    assert done.returncode == 0


def test_prepare_converts_a_raw_tree(monkeypatch, raw_phantom, tmp_path):
    words = ("prepare", "nsclc_radiomics", "--source", str(raw_phantom), "--output", str(tmp_path / "out"))
    assert call(monkeypatch, *words, "--allow_empty", "--test_fraction", "0") == 0
    assert (tmp_path / "out" / "datalist.json").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("prepare", "nsclc", "--source", "a", "--output", "b"),
            "unknown data set 'nsclc'; those there are: kermany, msd_lung",
        ),
        (("prepare", "nsclc_radiomics", "--source", "a", "--skipbad"), "unknown option: --skipbad; prepare has --"),
        (
            ("prepare", "msd_lung", "--source", "a", "--output", "b", "--roi", "GTV"),
            "prepare msd_lung has no --roi; beside those of all data sets it has --spacing_mm, ",
        ),
        (
            ("prepare", "nsclc_radiomics", "--source", "a", "--output", "b", "--allow_gaps"),
            "prepare nsclc_radiomics has no --allow_gaps; beside those of all data sets it has --roi",
        ),
        (
            ("prepare", "kermany", "--source", "a", "--output", "b", "--roi", "GTV", "--allow_empty"),
            "prepare kermany has no --roi, --allow_empty; beside those of all data sets it has --without_test",
        ),
        (("demo", "aura_v9"), "unknown bundle 'aura_v9'; those there are: aura_v3"),
        (("prepare", "nsclc_radiomics", "--source", "nowhere", "--output", "b"), "nowhere"),
    ],
)
def test_wrong_words_end_in_one_line(monkeypatch, capsys, words, message):
    assert call(monkeypatch, *words) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
