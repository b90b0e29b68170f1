"""What train.json and inference.json both say, they say alike; every property MONAI asks for is there."""

import pytest

from tests.bundles.bundle_runs import BUNDLES, CLASSIFIERS, SEGMENTERS, build, configs
from tools.bundle.checks.agreement import MAY_DIFFER, different_steps, different_values, image_steps


@pytest.mark.parametrize("bundle", BUNDLES)
def test_shared_keys_are_equal(bundle):
    train, inference = configs(bundle, "train"), configs(bundle, "inference")
    compared = set(train) & set(inference) - MAY_DIFFER
    of_scans = {"spacing_mm", "windows_hu"} if bundle in SEGMENTERS else {"class_names", "lung_mask", "stem_def"}
    assert {"network_def", "img_size", "threshold", *of_scans} <= compared
    assert different_values(train, inference) == []


@pytest.mark.parametrize("bundle", BUNDLES)
def test_an_image_goes_through_the_same_steps_in_training_evaluation_and_inference(bundle):
    train, evaluate, inference = (configs(bundle, name) for name in ("train", "evaluate", "inference"))
    assert len(image_steps(train["preprocessing_steps"])) > 3
    assert different_steps(train, evaluate, inference) == []


@pytest.mark.parametrize("bundle", CLASSIFIERS)
def test_validation_and_inference_average_the_same_views(bundle):
    both = (configs(bundle, "train")["validate"]["inferer"], configs(bundle, "inference")["inferer"])
    views = [{key: value for key, value in inferer.items() if key != "inferer"} for inferer in both]
    assert views[0] == views[1]
    assert (views[0]["flip"], views[0]["rotations_deg"]) == ("@flip_tta", "@tta_rotations_deg")


@pytest.mark.parametrize("bundle", BUNDLES)
@pytest.mark.parametrize("workflow", ["train", "evaluate", "inference"])
def test_no_property_is_missing_or_misnamed(bundle, workflow, data_of, tmp_path):
    extra = {} if workflow == "inference" else {"dataset_dir": str(data_of(bundle))}
    assert build(bundle, workflow, tmp_path, **extra).check_properties() == []


@pytest.mark.parametrize("bundle", BUNDLES)
def test_overlays_for_several_workflows_use_names_that_train_has(bundle):
    known = set(configs(bundle, "train")) | set(configs(bundle, "evaluate"))
    assert set(configs(bundle, "demo")) <= known
