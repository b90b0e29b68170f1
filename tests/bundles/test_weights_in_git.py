"""Weights that git holds are those of the bundle's default network, and answer at once."""

import csv
import json

import monai.bundle
import pytest
import torch

from tests.bundles.bundle_runs import BUNDLES, CLASSIFIERS, REPOSITORY, config_files, configs

LARGEST = 20_000_000  # bytes; more belongs into large_files.yml
WITH_WEIGHTS = [bundle for bundle in BUNDLES if configs(bundle, "metadata").get("weights")]


@pytest.mark.parametrize("bundle", WITH_WEIGHTS)
def test_git_does_not_ignore_them(bundle):
    place = f"/bundles/{bundle}/models/model.pt"
    assert f"!{place}" in (REPOSITORY / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert (REPOSITORY / place[1:]).stat().st_size < LARGEST


@pytest.mark.parametrize("bundle", sorted(set(WITH_WEIGHTS) & set(CLASSIFIERS)))
def test_they_answer_without_any_option_but_the_images(bundle, raw_xrays, tmp_path, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    monai.bundle.run(
        config_file=config_files(bundle, "inference", demo=False), dataset_dir=str(raw_xrays / "test"),
        output_dir=str(tmp_path), device="cpu",
    )  # fmt: skip
    with open(tmp_path / "predictions.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(list((raw_xrays / "test").rglob("*.jpeg")))
    assert len({row["probability_pneumonia"] for row in rows}) > 1
    models = REPOSITORY / "bundles" / bundle / "models"
    weights = torch.load(models / "model.pt", weights_only=True)
    assert all(torch.isfinite(tensor).all() for tensor in weights.values() if tensor.is_floating_point())
    temperature = models / "temperature.json"
    assert ("calibrated_pneumonia" in rows[0]) == temperature.is_file()
    if temperature.is_file():
        assert 0.05 < json.loads(temperature.read_text(encoding="utf-8"))["temperature"] < 20
