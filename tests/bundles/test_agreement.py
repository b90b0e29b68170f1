"""What train.json and inference.json both say, they say alike; every property MONAI asks for is there."""

import json

import pytest

from tests.bundles.bundle_runs import BUNDLES, build, configs

# paths differ by purpose: each workflow writes to its own folder; the memory layout of the network is a matter of speed
MAY_DIFFER = {"output_dir", "initialize", "run", "preprocessing", "network"}


@pytest.mark.parametrize("bundle", BUNDLES)
def test_shared_keys_are_equal(bundle):
    train, inference = configs(bundle, "train"), configs(bundle, "inference")
    shared = set(train) & set(inference) - MAY_DIFFER
    assert {"network_def", "spacing_mm", "windows_hu", "img_size", "threshold"} <= shared
    assert {key: inference[key] for key in shared} == {key: train[key] for key in shared}


def image_steps(transforms: list) -> list[str]:
    """Transforms without what only concerns the label."""
    of_labels = {"keys", "mode", "label_key", "label_values", "allow_nonfinite"}
    kept = [{key: value for key, value in step.items() if key not in of_labels} for step in transforms]
    return [json.dumps(step, sort_keys=True) for step in kept]


@pytest.mark.parametrize("bundle", BUNDLES)
def test_an_image_goes_through_the_same_steps_in_training_evaluation_and_inference(bundle):
    train = configs(bundle, "train")["preprocessing_steps"]
    evaluate = configs(bundle, "evaluate")["validate#preprocessing"]["transforms"]
    inference = configs(bundle, "inference")["preprocessing"]["transforms"]
    named = [step for step in inference if not step["_target_"].endswith(".CaseNamed")]
    assert image_steps(train) == image_steps(evaluate) == image_steps(named)


@pytest.mark.parametrize("bundle", BUNDLES)
@pytest.mark.parametrize("workflow", ["train", "evaluate", "inference"])
def test_no_property_is_missing_or_misnamed(bundle, workflow, phantom, tmp_path):
    extra = {} if workflow == "inference" else {"dataset_dir": str(phantom)}
    assert build(bundle, workflow, tmp_path, **extra).check_properties() == []


@pytest.mark.parametrize("bundle", BUNDLES)
def test_overlays_for_several_workflows_use_names_that_train_has(bundle):
    known = set(configs(bundle, "train")) | set(configs(bundle, "evaluate"))
    assert set(configs(bundle, "demo")) <= known
