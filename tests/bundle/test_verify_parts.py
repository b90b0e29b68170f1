"""The parts of `verify`: clean processes, what the checks compare, the table."""

import json
import shutil
import sys
from types import SimpleNamespace

import pytest
from nibabel.filebasedimages import ImageFileError

from tools.__main__ import main
from tools.bundle import clean_process
from tools.bundle import verify as verify_module
from tools.bundle.checks import export
from tools.bundle.checks.agreement import different_steps, different_values
from tools.bundle.checks.download import published_sum
from tools.bundle.checks.facts import (
    class_names,
    input_range_problems,
    label_problems,
    output_range_problems,
    size_problems,
    tensor_problems,
)
from tools.bundle.checks.parity import axis_length, input_sizes
from tools.bundle.checks.parity import problems as parity_problems
from tools.bundle.checks.subject import CheckFailed, NotApplicable
from tools.bundle.clean_process import CleanProcesses, Finished
from tools.bundle.collection import REPOSITORY
from tools.bundle.verify import CHECKS, Outcome, run_one, verify
from tools.bundle.verify_table import as_json, table
from tools.bundle.weights import file_hash

CLEAN = """
import os, sys
def probe(argument):
    if argument == "fail":
        raise ValueError("nothing\\ngood")
    print("said")
    return [argument, [name for name in sys.modules if name.split(".")[0] in ("tools", "tests")], sys.path, os.getcwd()]
"""


@pytest.fixture
def clean(tmp_path, monkeypatch):
    """Clean processes that start at once, with a probe called `clean`."""
    folder = tmp_path / "probes"
    folder.mkdir()
    (folder / "clean.py").write_text(CLEAN)
    shutil.copy(clean_process.PROBES / "warm_parent.py", folder)
    monkeypatch.setattr(clean_process, "PROBES", folder)
    monkeypatch.setattr(clean_process, "WARM", ("json",))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "repository"))
    with CleanProcesses(tmp_path / "scratch", seconds=20) as processes:
        yield processes


def test_a_process_knows_nothing_of_the_repository(clean, tmp_path):
    given, modules, path, here = clean.probe("clean", {"a": 1}, tmp_path).answer
    assert (given, modules, here) == ({"a": 1}, [], str(tmp_path))
    assert not [entry for entry in path if entry in ("", str(REPOSITORY), str(tmp_path / "repository"))]
    code = "import os; print('PYTHONPATH' in os.environ)"
    (tmp_path / "shown.py").write_text(code)
    for call in (clean.module, clean.process):
        assert call("shown", [], tmp_path).stdout == "False\n"  # found in the current folder, as python -m does


def test_a_failing_process_tells_its_last_line(clean, tmp_path):
    finished = clean.probe("clean", "fail", tmp_path)
    assert (finished.code, finished.answer, finished.last_line) == (1, None, "good")
    (tmp_path / "ends.py").write_text("import sys; sys.exit(3)")
    assert clean.module("ends", [], tmp_path).code == clean.process("ends", [], tmp_path).code == 3


def test_a_process_that_hangs_is_stopped(clean, tmp_path):
    (tmp_path / "hangs.py").write_text("import time; time.sleep(60)")
    clean.seconds = 1
    assert clean.module("hangs", [], tmp_path).last_line == "no message (ended by signal 14)"
    assert clean.process("hangs", [], tmp_path).last_line == "stopped: it had not ended after 1 s"


def test_a_warm_parent_that_ends_is_no_endless_wait(clean, tmp_path):
    (clean_process.PROBES / "warm_parent.py").write_text("")
    for _ in range(2):  # at first it ends with the request unread, then there is nobody to write to
        with pytest.raises(RuntimeError, match="the process that runs the checks ended by itself"):
            clean.probe("clean", 1, tmp_path)


def test_what_checks_compare():
    assert tensor_problems("x", {"num_channels": 3, "spatial_shape": [8]}, {"shape": [1, 1, 16]}) == [
        "x: num_channels is 3, the network has 1",
        "x: spatial_shape is [8], the network has [16]",
    ]
    assert tensor_problems("x", {"num_channels": 1, "spatial_shape": ["8*n", "*"]}, {"shape": [1, 1, 16, 5]}) == []
    assert "img_size in inference.json is [16, 16]" in size_problems([8, 8], [16, 16])[0]
    assert "gives 0 to 2" in input_range_problems("x", [0, 1], {"low": 0.0, "high": 2.0})[0]
    assert input_range_problems("x", [0, 1], {"low": 0.0, "high": 0.9}) == []
    seen = {"activations": ["sigmoid"], "activated": {"low": 0.4, "high": 0.6}}
    assert output_range_problems("y", [0, 1], seen) == []
    assert "sigmoid gives [0, 1]" in output_range_problems("y", [-1, 1], seen)[0]
    plain = {"activations": [], "activated": {"low": -4.0, "high": 0.6}}
    assert "goes from -4 to 0.6" in output_range_problems("y", [0, 1], plain)[0]


@pytest.mark.parametrize(
    ("labels", "channels", "names", "said"),
    [
        ({"0": "background", "1": "tumour"}, 1, ["tumour"], None),
        ({"0": "stomach", "1": "bowel"}, 2, ["stomach", "bowel"], None),
        ({"0": "background", "2": "tumour"}, 1, [], "must give labels 0, 1, 2"),
        ({"0": "background", "1": "background"}, 1, [], "must give labels 0, 1, 2"),
        ({"0": "background"}, 1, [], "has 1 labels for 1 channels"),
        ({"0": "background", "1": "tumour"}, 1, ["lesion"], "names ['tumour'], the metrics in train.json ['lesion']"),
    ],
)
def test_a_table_of_labels_fits_channels_and_metrics(labels, channels, names, said):
    problems = label_problems("y", {"num_channels": channels, "channel_def": labels}, names)
    assert said in problems[0] if said else problems == []


def test_names_of_classes_are_found_wherever_they_stand():
    assert class_names({"a": [{"b": {"class_names": ["x", "y"]}}]}) == ["x", "y"]
    assert class_names({"a": 1}) == []


def step(name, **options):
    return {"_target_": name, **options}


def test_differences_between_configurations_are_named():
    assert different_values({"a": 1, "b": 2, "run": 1}, {"a": 1, "b": 3, "run": 2, "c": 4}) == [
        "b is 2 in train.json and 3 in inference.json; make them equal"
    ]
    train = {"preprocessing_steps": [step("Load", keys=["image", "label"]), step("Scale", by=2)]}
    same = {"validate#preprocessing": {"transforms": [step("Load", keys="image"), step("Scale", by=2)]}}
    named = {"preprocessing": {"transforms": [step("Load"), step("Scale", by=2), step("x.CaseNamed")]}}
    assert different_steps(train, same, named) == []
    swapped = {"preprocessing": {"transforms": [step("Scale", by=2), step("Load")]}}
    assert different_steps(train, same, swapped) == [
        "inference.json (preprocessing) has the steps of train.json in another order; make it the same"
    ]
    other = {"preprocessing": {"transforms": [step("Load"), step("Scale", by=3)]}}
    assert [line.split(" has ")[0] for line in different_steps(train, same, other)] == [
        "only train.json (preprocessing_steps)",
        "only inference.json (preprocessing)",
    ]


@pytest.mark.parametrize(
    ("size", "expected"), [(32, 32), ("32*n", 64), ("32 * n", 64), ("2**p*n", 8), ("n**2", 4), ("*", 128)]
)
def test_patterns_of_sizes(size, expected):
    assert axis_length(size, 2) == expected
    assert input_sizes(1, [size])[1] == [2, 1, expected]


@pytest.mark.parametrize(
    ("compared", "said"),
    [
        ([(9e-5, 3.0), (1e-7, 0.02)], None),
        ([(9e-5, 3.0), (5e-5, 0.02)], "eager by 5.0e-05 for an input of [2, 1, 8], above 2e-06;"),
        ([(2e-4, 3.0), (0.0, 0.0)], "by 2.0e-04 for an input of [1, 1, 8], above 1e-04; look here, or state in"),
        ([(float("nan"), 1.0), (0.0, 1.0)], "by nan for an input of [1, 1, 8]"),
    ],
)
def test_an_exported_form_may_be_off_by_a_share_of_a_small_output(compared, said, tmp_path):
    image = {"num_channels": 1, "spatial_shape": [8]}
    subject = SimpleNamespace(
        exemption=lambda form: None, facts={"network_data_format": {"inputs": {"image": image}}}, weights=None,
        folder=lambda form: tmp_path, config_file=lambda name: None, probe=lambda name, **argument: compared,
    )  # fmt: skip
    found = parity_problems(subject, "torchscript", "look here")
    assert said in found[0] if said else found == []


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


def test_exports_that_are_all_exempt_are_shown_with_their_reasons():
    subject = SimpleNamespace(facts={"verification": {"torchscript": "a hook", "onnx": "no operator"}})
    with pytest.raises(NotApplicable, match="exempt: a hook; no operator"):
        export.check(subject)


def test_an_exemption_without_a_reason_is_none(tmp_path):
    subject = SimpleNamespace(facts={"verification": {"torchscript": "a hook", "onnx": ""}}, root=tmp_path)
    subject.folder, subject.elsewhere = lambda name: tmp_path, tmp_path
    subject.clean = SimpleNamespace(module=lambda *words: Finished(1, "", "no graph"))
    assert [line.split(" from")[0] for line in export.check(subject)] == ["python -m monai.bundle onnx_export"]


def test_the_sum_that_was_published_for_a_zip_is_the_one_beside_it(tmp_path):
    archive = tmp_path / "toy_v1.0.0.zip"
    archive.write_bytes(b"zip")
    assert published_sum(archive) == ("the packed file", file_hash(archive))
    (tmp_path / "SHA256SUMS").write_text(f"abc  {archive.name}\n")
    assert published_sum(archive) == ("SHA256SUMS beside it", "abc")
    (tmp_path / "SHA256SUMS").write_text("abc  other_v1.0.0.zip\n")
    assert published_sum(archive) == ("SHA256SUMS beside it", "nothing of it")


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
    monkeypatch.setattr(verify_module, "verify", lambda path, shop, told: [told(made[-1]), made][1])
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
