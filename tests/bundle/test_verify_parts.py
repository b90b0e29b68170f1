"""The frame of `verify`: what becomes of a check that stumbles, the table, the command."""

import json
import sys

import pytest
from nibabel.filebasedimages import ImageFileError

from tools.__main__ import main
from tools.bundle import verify as verify_module
from tools.bundle.checks.subject import CheckFailed, NotApplicable
from tools.bundle.verify import CHECKS, Outcome, run_one, verify
from tools.bundle.verify_table import as_json, table


def outcomes():
    return {
        "one": [Outcome("files", True, ""), Outcome("onnx", None, "exempt: no operator")],
        "another": [Outcome("files", False, "no LICENSE; add it\nno docs; add them"), Outcome("onnx", True, "", 2.0)],
    }


def test_the_table_has_a_row_a_bundle_and_says_below_what_is_wrong():
    lines = table(outcomes()).splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["bundle", "files", "onnx"],
        ["one", "ok", "n/a"],
        ["another", "FAILED", "ok"],
    ]
    assert lines[4:] == [
        "one, onnx n/a: exempt: no operator",
        "another, files FAILED: no LICENSE; add it",
        "another, files FAILED: no docs; add them",
    ]
    assert json.loads(as_json(outcomes()))["one"]["onnx"] == {
        "passed": None, "message": "exempt: no operator", "seconds": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("raised", "passed", "said"),
    [
        (None, True, ""),
        (NotApplicable("no source"), None, "no source"),
        (CheckFailed("the last line"), False, "the last line"),
        (KeyError("inputs"), False, "could not be checked, KeyError: 'inputs'; see the other failures first"),
        (AttributeError("no items"), False, "could not be checked, AttributeError: no items; see the other failures"),
        (ImageFileError("cut off"), False, "could not be checked, ImageFileError: cut off; see the other failures"),
    ],
)
def test_what_a_check_stumbles_over_is_a_problem_of_the_bundle(raised, passed, said, monkeypatch):
    def check(subject):
        if raised:
            raise raised
        return []

    monkeypatch.setattr("tools.bundle.checks.files.check", check)
    outcome = run_one(None, "files")
    assert (outcome.check, outcome.passed) == ("files", passed)
    assert outcome.message.startswith(said)
    assert bool(outcome.message) is bool(said)


def test_an_unknown_check_is_refused(tmp_path):
    with pytest.raises(ValueError, match="unknown checks: network_in; there are: files, metadata"):
        verify(tmp_path, ["network_in"])


def call(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["tools", "verify", *words])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.mark.parametrize(("passed", "status"), [(True, 0), (False, 1), (None, 0)])
def test_the_exit_status_says_whether_a_check_failed(passed, status, monkeypatch, capsys):
    made = [Outcome(name, True, "") for name in CHECKS[:-1]] + [Outcome(CHECKS[-1], passed, "why")]
    monkeypatch.setattr(verify_module, "verify", lambda path, checks, shop, told: [told(made[-1]), made][1])
    assert call(monkeypatch, "aura_v3") == status
    shown = capsys.readouterr()
    assert shown.out.splitlines()[1].startswith("aura_v3")
    assert "aura_v3: overrides" in shown.err
    assert call(monkeypatch, "--packed", "dist/toy_v1.0.0.zip", "--json") == status
    assert list(json.loads(capsys.readouterr().out)) == ["toy_v1.0.0"]
    assert call(monkeypatch, "aura_v3", "--packed", "dist/toy_v1.0.0.zip") == 2
    assert "give names or --packed, not both" in capsys.readouterr().err
    assert call(monkeypatch, "--packed", "bundles/aura_v3") == 2
    assert "--packed must name a zip, got bundles/aura_v3; python -m tools pack NAME" in capsys.readouterr().err
