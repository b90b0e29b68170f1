"""Atomic files, and files that a killed run left behind."""

import json
import math

import numpy as np
import pytest
import torch

from tools.report import run_files
from tools.report.run_files import json_lines, plain, read_json, read_json_lines, write_json, write_text


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path, monkeypatch):
    write_text(tmp_path / "a.txt", "old")

    def refuse(source, target):
        raise OSError("no space left on device")

    monkeypatch.setattr(run_files.os, "replace", refuse)
    with pytest.raises(OSError, match="no space left"):
        write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_json_holds_only_what_json_knows(tmp_path):
    value = {"a": math.nan, "b": np.float32(0.5), "c": torch.tensor(2), "d": (1, {2}), "e": tmp_path, "f": np.int64(3)}
    write_json(tmp_path / "x.json", value)
    read = json.loads((tmp_path / "x.json").read_text())
    assert read == {"a": None, "b": 0.5, "c": 2, "d": [1, [2]], "e": str(tmp_path), "f": 3}
    assert plain(True) is True
    assert plain(np.array([1.0, 2.0])) == str(np.array([1.0, 2.0]))


def test_a_line_cut_short_is_passed_over(tmp_path):
    (tmp_path / "h.jsonl").write_text(json_lines([{"a": 1}, {"a": math.inf}]) + '[1]\n{"a": ')
    assert read_json_lines(tmp_path / "h.jsonl") == [{"a": 1}, {"a": None}]
    assert read_json_lines(tmp_path / "none.jsonl") == []


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(ValueError, match=r"summary.json is not valid JSON .* delete it or run again"):
        read_json(tmp_path / "summary.json")
    assert read_json(tmp_path / "none.json") is None
