"""A bundle that is as it should be passes `verify`, and Model Zoo's own checks in their order."""

import json
import shutil

import pytest
import torch
from torch import nn

from tests.bundle.broken_bundle import broken_zip, edit
from tests.bundle.tiny_bundle import NAME
from tools.bundle.checks.metadata import SCHEMA
from tools.bundle.probes.make_weights import spread
from tools.bundle.unpack import unpack
from tools.bundle.verify import CHECKS, verify


@pytest.mark.slow
def test_a_whole_bundle_passes_every_check(collection_in_step, shop):
    outcomes = verify(collection_in_step / "bundles" / NAME, shop=shop)
    assert [outcome.check for outcome in outcomes] == list(CHECKS)
    assert {outcome.check: outcome.message for outcome in outcomes if not outcome.passed} == {}


@pytest.mark.slow
def test_it_passes_the_checks_of_model_zoo_in_their_order(whole, shop, tmp_path):
    models = tmp_path / "models"
    root = unpack(whole, models)
    config, weights = root / "configs" / "inference.json", root / "models" / "model.pt"
    schema = root / "eval" / "schema.json"
    weights.parent.mkdir()
    assert shop.clean.probe("make_weights", {"config": str(config), "file": str(weights)}, tmp_path).code == 0
    # 1 files
    for name in ("configs/metadata.json", "LICENSE", "models/model.pt", "configs/inference.json"):
        assert (root / name).is_file()
    # 2 version, and 3 schema: an existing file keeps MONAI from downloading it
    facts = json.loads((root / "configs" / "metadata.json").read_text())
    assert facts["version"] in facts["changelog"]
    schema.parent.mkdir()
    shutil.copy(SCHEMA, schema)
    meta = ["--meta_file", root / "configs" / "metadata.json"]
    calls = [["verify_metadata", *meta, "--filepath", schema]]
    # 4 properties, 5 data shape, 6 TorchScript, called as ci/verify_bundle.py calls them
    network = ["--net_id", "network_def", *meta, "--config_file", config, "--bundle_root", root]
    calls.append(["verify_net_in_out", *network])
    script = root / "models" / "verify_model.ts"
    calls.append(["ckpt_export", *network, "--filepath", script, "--ckpt_file", weights])
    asked = {"configs": [str(config)], "kind": "infer", "overrides": {}}
    assert shop.clean.probe("properties", asked, tmp_path).answer == []
    for argv in calls:
        done = shop.clean.module("monai.bundle", argv, tmp_path)
        assert done.code == 0, done.stderr[-2000:]
    assert script.stat().st_size > 0


def test_made_up_weights_give_masks_that_are_neither_empty_nor_full():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1)).eval()
    nn.init.zeros_(network[3].bias)
    nn.init.constant_(network[3].weight, 1e-3)
    image = torch.rand(1, 1, 16, 16)
    assert (network(image) > 0).all()
    spread(network, image)
    outputs = network(image)
    assert outputs.mean().item() == pytest.approx(0.0, abs=1e-4)
    assert outputs.std().item() == pytest.approx(1.0, rel=1e-4)


def test_an_exemption_is_shown_with_its_reason(whole, shop, tmp_path):
    reason = "Fourier layers have no ONNX operator"
    change = edit("configs/metadata.json", lambda facts: facts.update(verification={"onnx": reason}))
    outcome = verify(broken_zip(whole, tmp_path, change), ["onnx"], shop)[0]
    assert (outcome.passed, outcome.message) == (None, f"exempt: {reason}")
