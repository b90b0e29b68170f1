"""What demo and verification ask of a bundle that answers with classes."""

import numpy as np
import pytest
from PIL import Image

from tools.bundle.checks.agreement import different_steps, image_steps
from tools.bundle.checks.places import table_problems
from tools.bundle.demo_scores import brightness_score
from tools.bundle.task import classifies

NAMES = ["normal", "pneumonia"]


def facts(form: str) -> dict:
    return {"network_data_format": {"outputs": {"pred": {"format": form}}}}


def test_the_format_of_the_output_says_what_a_bundle_answers():
    assert classifies(facts("classes"))
    assert not classifies(facts("segmentation"))
    assert not classifies({})


def write(folder, *rows):
    folder.mkdir(exist_ok=True)
    header = "file,probability_normal,probability_pneumonia,prediction"
    (folder / "predictions.csv").write_text("\n".join([header, *rows]) + "\n")


def test_a_table_must_have_a_row_for_each_image_and_probabilities(tmp_path):
    images = [tmp_path / "a.png", tmp_path / "b.png"]
    assert table_problems(tmp_path, images, NAMES) == [
        "left 0 predictions.csv in eval/ of the bundle; see its handlers"
    ]
    write(tmp_path, "x/a.png,0.25,0.75,pneumonia", "x/b.png,0.9,0.1,normal")
    assert table_problems(tmp_path, images, NAMES) == []
    write(tmp_path, "x/a.png,0.25,0.75,pneumonia")
    assert "has 1 rows for 2 images" in table_problems(tmp_path, images, NAMES)[0]
    write(tmp_path, "x/a.png,0.25,0.75,pneumonia", "x/b.png,0.9,0.9,normal")
    assert "do not add up to 1" in table_problems(tmp_path, images, NAMES)[0]


def test_brightness_alone_is_scored_whatever_its_direction(tmp_path):
    items = []
    for number, grey in enumerate((10, 20, 200, 210)):
        path = tmp_path / f"{number}.png"
        Image.fromarray(np.full((8, 8), grey, np.uint8)).save(path)
        items.append({"image": str(path), "label": int(grey < 100)})
    assert brightness_score(items) == pytest.approx(1.0)
    items[0]["label"] = 0
    assert brightness_score(items) == pytest.approx(2 / 3)


def test_steps_that_are_named_by_reference_are_compared_too():
    steps = [{"_target_": "LoadImaged", "keys": "image"}, "@lung_mask", {"_target_": "x.ClassLabeld", "keys": "label"}]
    train = {"preprocessing_steps": steps}
    evaluate = {"validate#preprocessing": {"transforms": "@preprocessing_steps"}}
    assert len(image_steps(steps)) == 2
    assert different_steps(train, evaluate, {"preprocessing": {"transforms": steps[:2]}}) == []
    assert "lung_mask" in different_steps(train, evaluate, {"preprocessing": {"transforms": steps[:1]}})[0]
