"""The report: complete, self-contained, and safe with names from outside."""

import base64
import json
import re

import pytest

from tests.report.page_reader import read
from tools.report.patient_table import summarise
from tools.report.report import build_report
from tools.report.run_files import json_lines, write_json, write_text
from tools.report.score_names import SCORES

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
EVIL = "<script>alert(1)</script>"


def row(patient, dice):
    """Return a row of the patient table."""
    return {"patient": patient, "class": "target", **dict.fromkeys(SCORES, 0.9), "dice": dice}


@pytest.fixture
def run(tmp_path):
    """Return a run directory with one of everything, and names that try to break out."""
    rows = [row(EVIL, 0.9), row("bad", 0.25), row("none", float("nan"))]
    write_json(tmp_path / "patients.json", {"epoch": 7, "rows": rows, "summary": summarise(rows)})
    summary = {
        "bundle": "aura_v3",
        "version": "1.0.0",
        "workflow": "train",
        "status": "completed",
        "is_phantom": True,
        "metric": {"name": "dice", "best": 0.725, "epoch": 3},
        "metrics": {"dice": 0.725, "iou": 0.5},
        "seconds": 150,
        "epochs": 7,
        "seed": 0,
        "amp": "bfloat16",
        "data_fingerprint": "f00d",
        "versions": {"torch": "2.13.0"},
    }
    write_json(tmp_path / "summary.json", summary)
    lines = [{"kind": "train", "epoch": 1, "loss": 1.5, "lr": 1e-3}]
    lines += [{"kind": "validation", "epoch": 1, "metrics": {"dice": 0.3}}]
    write_text(tmp_path / "history.jsonl", json_lines(lines))
    incident = {"epoch": 1, "kind": "image", "files": [EVIL], "why": None, "long": "y" * 300}
    write_text(tmp_path / "incidents.jsonl", json_lines([incident]))
    write_json(tmp_path / "config.json", {"name": EVIL, "lr": "@base"})
    (tmp_path / "overlays").mkdir()
    (tmp_path / "overlays" / "a.png").write_bytes(PNG)
    index = [{"file": "a.png", "patient": EVIL, "dice": 0.9, "kind": "best"}, {"file": "gone.png", "patient": "g"}]
    write_json(tmp_path / "overlays" / "index.json", index)
    return tmp_path


def test_everything_is_in_it(run):
    page = read(build_report(run))
    for text in ("aura_v3: train", "0.725", "Learning curves", "Every patient, the worst first", "Slices", "Incidents"):
        assert text in page.text
    for text in (
        "f00d",
        "2.13.0",
        "bfloat16",
        '"lr": "@base"',
        "Smoke only",
        "Patients after epoch 7",
        "weights of epoch 3",
    ):
        assert text in page.text
    assert "no interval is claimed" in page.text
    assert page.text.index("bad") < page.text.index("none")
    assert (run / "curves.png").is_file()


def test_reconstructions_have_a_section_of_their_own(run):
    assert "Reconstructions" not in read(build_report(run)).text
    (run / "reconstructions").mkdir()
    (run / "reconstructions" / "r.png").write_bytes(PNG)
    write_json(run / "reconstructions" / "index.json", [{"file": "r.png", "patient": "anna", "error": 0.0123}])
    page = read(build_report(run))
    assert "Reconstructions" in page.text
    assert "anna, mean squared error 0.0123" in page.text


def test_nothing_is_fetched(run):
    path = build_report(run)
    page, source = read(path), path.read_text()
    assert page.addresses
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    assert not re.search(r"https?://|url\(|@import|//[a-z]", re.sub(r"base64,[A-Za-z0-9+/=]+", "", source))


def test_names_from_outside_stay_text(run):
    path = build_report(run)
    assert "<script" not in path.read_text()
    assert read(path).text.count(EVIL) >= 4
    attributes = re.findall(r'alt="([^"]*)"', path.read_text())
    assert all("<" not in value for value in attributes)


def test_overlays_cannot_lead_out_of_their_folder(run):
    (run / "secret.png").write_bytes(PNG + b"SECRET")
    write_json(run / "overlays" / "index.json", [{"file": "../secret.png", "patient": "x"}])
    source = build_report(run).read_text()
    assert base64.b64encode(PNG + b"SECRET").decode() not in source
    assert "Slices" not in source


def test_real_data_has_no_banner_and_failures_have_one(run):
    summary = json.loads((run / "summary.json").read_text())
    write_json(run / "summary.json", {**summary, "is_phantom": False})
    assert "Smoke only" not in build_report(run).read_text()
    write_json(run / "summary.json", {**summary, "status": "failed", "reason": "ValueError: <no> data"})
    page = read(build_report(run))
    assert "This run failed: ValueError: <no> data" in page.text
    write_json(run / "summary.json", {**summary, "status": "stopped", "reason": ""})
    assert "This run stopped: no reason given" in read(build_report(run)).text
    write_json(run / "summary.json", {**summary, "reason": "no improvement", "seconds": 9000})
    page = read(build_report(run))
    assert "Ended because no improvement." in page.text
    assert "2.5 h" in page.text


def test_a_run_that_left_little_still_has_a_report(tmp_path):
    write_text(tmp_path / "history.jsonl", json_lines([{"kind": "train", "epoch": 1, "loss": 1.0}]))
    page = read(build_report(tmp_path))
    assert "the run did not get to its end" in page.text
    assert "Learning curves" in page.text
    (tmp_path / "history.jsonl").unlink()
    write_json(tmp_path / "summary.json", {})
    assert "Learning curves" not in read(build_report(tmp_path)).text


def test_classes_have_a_column_and_ten_patients_an_interval(run):
    rows = [{**row(f"p{i}", i / 12), "class": name} for i in range(12) for name in ("tumour", "node")]
    write_json(run / "patients.json", {"rows": rows, "summary": summarise(rows)})
    page = read(build_report(run))
    assert "node: 12 patients" in page.text
    assert "no interval is claimed" not in page.text
    assert re.search(r"0\.\d{3} to 0\.\d{3}", page.text)


def test_many_incidents_are_cut_and_counted(run):
    write_text(run / "incidents.jsonl", json_lines([{"epoch": i, "kind": f"k{i}"} for i in range(80)]))
    page = read(build_report(run))
    assert "80 training steps were not taken" in page.text
    assert "k79" in page.text
    assert "k29" not in page.text


def test_what_is_not_a_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="summary.json.* holds none of them: give the output_dir of a run"):
        build_report(tmp_path)
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        build_report(tmp_path / "nowhere")
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(ValueError, match="summary.json is not valid JSON"):
        build_report(tmp_path)
