"""A classifier in a MONAI Label server: a score for each class of an image, and a training on annotators' answers.

``make label-test`` builds the server's environment and runs this file; ``make test`` leaves it out.
"""

import csv
import json
import os
import shutil
import urllib.parse
from pathlib import Path

import monai.bundle
import pytest
import torch
from monai.bundle import ConfigParser

from tests.bundle.tiny_bundle import REPOSITORY, edit, fill_tables
from tests.integration.label_server import FORM, LabelServer
from tools.bundle.pack import pack
from tools.datasets.kermany_phantom import write_phantom

pytestmark = pytest.mark.monai_label

MODEL = "chest_xray_pneumonia_classification"
SMALL = ("img_size", "stem_def", "feature_size", "d_model", "token_grid")  # of configs/demo.json
ANSWERED = 8


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    """The bundle with the demo's small network and random weights whose answers differ from image to image."""
    folder = tmp_path_factory.mktemp("bundles") / MODEL
    shutil.copytree(REPOSITORY / "bundles" / MODEL, folder, ignore=shutil.ignore_patterns("models", "eval"))
    demo = json.loads((folder / "configs" / "demo.json").read_text(encoding="utf-8"))
    small = {name: demo[name] for name in SMALL}
    for name in ("train", "inference"):
        edit(folder / "configs" / f"{name}.json", lambda config: config.update(small))
    edit(folder / "configs" / "metadata.json", lambda facts: shrink(facts, small["img_size"]))
    fill_tables(folder)
    parser = ConfigParser()
    parser.read_config(folder / "configs" / "inference.json")
    torch.manual_seed(0)
    network = parser.get_parsed_content("network_def")
    torch.nn.init.normal_(network.head[-1].weight, std=0.1)
    (folder / "models").mkdir()
    torch.save(network.state_dict(), folder / "models" / "model.pt")
    return folder


def shrink(facts: dict, img_size: list[int]) -> None:
    for tensor in facts["network_data_format"]["inputs"].values():
        tensor["spatial_shape"] = img_size


@pytest.fixture(scope="module")
def studies(tmp_path_factory) -> Path:
    """X-rays in one folder, some of them with an annotator's answer."""
    raw = write_phantom(tmp_path_factory.mktemp("xrays") / "raw", patients=8, grade="easy", seed=2)
    folder = tmp_path_factory.mktemp("label") / "studies"
    (folder / "labels" / "final").mkdir(parents=True)
    names = {"NORMAL": 0, "PNEUMONIA": 0}
    for path in sorted((raw / "train").rglob("*.jpeg")):
        shutil.copy(path, folder / path.name)
        names[path.parent.name] += 1
        if names[path.parent.name] <= ANSWERED // 2:
            answer = json.dumps({"label": path.parent.name.lower()})
            (folder / "labels" / "final" / f"{path.stem}.json").write_text(answer)
    return folder


@pytest.fixture(scope="module")
def server(python, bundle, studies, tmp_path_factory):
    folder = tmp_path_factory.mktemp("server") / "local"
    archive = pack(bundle, tmp_path_factory.mktemp("dist"))
    os.environ["MONAI_LABEL_DATASTORE_FILE_EXT"] = '["*.jpeg", "*.png", "*.json"]'
    try:
        with LabelServer(python, folder, {MODEL: archive}, str(studies)) as running:
            yield running
    finally:
        del os.environ["MONAI_LABEL_DATASTORE_FILE_EXT"]


def answer(server: LabelServer, **query: str) -> dict[str, float]:
    body = urllib.parse.urlencode({"params": json.dumps({"device": "cpu"})}).encode()
    path = f"/infer/{MODEL}?{urllib.parse.urlencode({'output': 'json', **query})}"
    return {row["label"]: row["score"] for row in json.loads(server.request("POST", path, body, FORM))["prediction"]}


def test_info_lists_a_classifier_with_its_classes(server):
    model = server.info()["models"][MODEL]
    assert model["type"] == "classification"
    assert model["labels"] == {"normal": 0, "pneumonia": 1}
    assert MODEL in server.info()["trainers"]


def test_scores_are_those_of_the_bundle(server, bundle, studies, tmp_path):
    monai.bundle.run(
        config_file=str(bundle / "configs" / "inference.json"), bundle_root=str(bundle), dataset_dir=str(studies),
        output_dir=str(tmp_path / "out"), device="cpu",
    )  # fmt: skip
    with open(tmp_path / "out" / "predictions.csv", encoding="utf-8") as file:
        rows = {Path(row["file"]).stem: float(row["probability_pneumonia"]) for row in csv.DictReader(file)}
    assert max(rows.values()) - min(rows.values()) > 1e-3, "equal answers would agree with anything"
    for name in sorted(rows)[::5]:
        found = answer(server, image=name)
        assert found["normal"] + found["pneumonia"] == pytest.approx(1.0, abs=1e-4)
        assert found["pneumonia"] == pytest.approx(rows[name], abs=1e-3)


def test_an_image_can_be_sent(server, studies):
    source = sorted(studies.glob("*.jpeg"))[0]
    session = server.upload_session(source)
    assert answer(server, session_id=session) == pytest.approx(answer(server, image=source.stem), abs=1e-4)


def test_annotators_answers_are_trained_on_and_the_new_weights_used(server, studies):
    name = sorted(studies.glob("*.jpeg"))[0].stem
    before = answer(server, image=name)
    task = server.train(MODEL, max_epochs=2, val_split=0.25)
    assert task["status"] == "DONE", list(task["details"])
    assert (server.models / MODEL / "models" / "model.previous.pt").is_file()
    assert answer(server, image=name) != before
