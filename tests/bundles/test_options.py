"""Options and named overlays do what they say: every bundle that has them, through its configurations."""

import json
from pathlib import Path

import nibabel
import pytest
import torch
from monai.bundle import ConfigParser, ConfigWorkflow
from monai.transforms import Compose

from tests.bundles.bundle_runs import (
    BUNDLES,
    CLASSIFIERS,
    REPOSITORY,
    build,
    config_files,
    configs,
    failure,
    folders,
    run,
)
from tools.datasets.datalist import read_datalist
from tools.layers.attention_gate import AttentionGate
from tools.losses.loss_named import LOSSES
from tools.schedules.schedule_named import SCHEDULES

# overlays that go on top of another one
BEFORE = {"deit_small": ["deit_base"], "deit_tiny": ["deit_base"]}


def overlay(bundle, name):
    return str(REPOSITORY / "bundles" / bundle / "configs" / f"{name}.json")


def with_option(name, workflow="train"):
    """The bundles whose configuration has a name at its top level."""
    return [bundle for bundle in BUNDLES if name in configs(bundle, workflow)]


def parsed(bundle, out, phantom, item, **overrides):
    workflow = build(bundle, "train", out, dataset_dir=str(phantom), **overrides)
    return workflow.parser.get_parsed_content(item)


@pytest.mark.parametrize("bundle", with_option("loss"))
@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_by_name(bundle, name, phantom, tmp_path):
    assert type(parsed(bundle, tmp_path, phantom, "loss_function", loss=name).loss) is LOSSES[name]


@pytest.mark.parametrize("bundle", with_option("schedule"))
def test_the_schedule_by_name(bundle, phantom, tmp_path):
    rates = {}
    for name in SCHEDULES:
        schedule = parsed(bundle, tmp_path, phantom, "lr_scheduler", schedule=name, warmup_epochs=2, max_epochs=8)
        rates[name] = [schedule.optimizer.param_groups[0]["lr"] / configs(bundle, "demo")["learning_rate"]]
        schedule.optimizer.step()
        schedule.step(*([0.5] if name == "plateau" else []))
        rates[name].append(schedule.optimizer.param_groups[0]["lr"] / configs(bundle, "demo")["learning_rate"])
    assert rates["plateau"] == [1.0, 1.0]
    assert rates["cosine"][0] == 1.0 > rates["cosine"][1]
    assert rates["warmup_cosine"] == pytest.approx([0.1, 0.55])


@pytest.mark.parametrize("bundle", with_option("attention"))
def test_gates_by_one_override(bundle, phantom, tmp_path):
    gates = {}
    for value in ("true", "false"):
        network = parsed(bundle, tmp_path, phantom, "network_def", attention=value)
        gates[value] = sum(isinstance(module, AttentionGate) for module in network.modules())
    assert gates == {"true": 4, "false": 0}


@pytest.mark.parametrize("bundle", with_option("deep_supervision"))
def test_options_together_train_and_their_weights_are_evaluated(bundle, phantom, tmp_path):
    shape = {"attention": False, "deep_supervision": True}
    others = {"ema_decay": 0.9, "schedule": "plateau", "loss": "balanced_ce", "augment": True, "accumulation_steps": 2}
    run(bundle, "train", tmp_path, dataset_dir=str(phantom), max_epochs=1, slices_per_volume=2, **shape, **others)
    weights = torch.load(tmp_path / "models" / "model.pt", weights_only=True)
    last = torch.load(tmp_path / "models" / "last.ckpt", weights_only=True)
    average = last["handlers"]["weight_average"]["average"]
    assert all(torch.equal(value, average[name]) for name, value in weights.items())
    assert any(".head." in name for name in weights)
    assert not any("gate" in name for name in weights)
    out = str(tmp_path / "evaluation")
    run(bundle, "evaluate", tmp_path, dataset_dir=str(phantom), output_dir=out, split="validation", **shape)
    rows = json.loads((tmp_path / "evaluation" / "patients.json").read_text())["rows"]
    assert {row["patient"] for row in rows} == {item["patient"] for item in read_datalist(phantom, "validation")}


@pytest.mark.parametrize("bundle", with_option("stop_at_dice"))
def test_overfitting_validates_the_patients_that_it_trains_on(bundle, phantom, tmp_path):
    files = [*config_files(bundle, "train"), overlay(bundle, "overfit")]
    options = {**folders(bundle, tmp_path), "dataset_dir": str(phantom), "overfit_patients": 1}
    workflow = ConfigWorkflow(files, workflow_type="train", logging_file=False, **options)
    workflow.initialize()
    data = [workflow.parser.get_parsed_content(f"{part}#dataset").data for part in ("train", "validate")]
    assert data[0] == data[1]
    first = sorted(read_datalist(phantom, "training"), key=lambda item: item["patient"])[0]
    assert [item["patient"] for item in data[0]] == [first["patient"]]


def variants():
    """The overlays of each bundle that have weights of their own and no fixed place in its life."""
    for bundle in BUNDLES:
        names = sorted(path.stem for path in (REPOSITORY / "bundles" / bundle / "configs").glob("*.json"))
        own = [name for name in names if name not in ("train", "inference", "demo", "overfit")]
        yield from ((bundle, name) for name in own if "ckpt_dir" in configs(bundle, name))


@pytest.mark.parametrize(("bundle", "name"), list(variants()))
def test_a_variant_has_one_network_in_training_and_inference(bundle, name):
    shapes, places = [], set()
    for workflow, kind in (("train", "train"), ("inference", "infer")):
        layers = [overlay(bundle, layer) for layer in (*BEFORE.get(name, []), name)]
        files = [*config_files(bundle, workflow, demo=False), *layers]
        built = ConfigWorkflow(files, workflow_type=kind, logging_file=False, bundle_root=f"bundles/{bundle}")
        built.initialize()
        network = built.parser.get_parsed_content("network_def")
        shapes.append({key: tuple(value.shape) for key, value in network.state_dict().items()})
        places.add(built.parser.get_parsed_content("ckpt_dir"))
    assert shapes[0] == shapes[1]
    assert len(places) == 1
    assert places != {f"bundles/{bundle}/models"}


@pytest.mark.parametrize("bundle", [bundle for bundle in BUNDLES if Path(overlay(bundle, "deit_base")).is_file()])
class TestDeiT:
    def test_the_sizes_of_a_deit_have_one_profile(self, bundle):
        profiles, stems = [], []
        for size in ("base", "small", "tiny"):
            layers = [overlay(bundle, name) for name in (*BEFORE.get(f"deit_{size}", []), f"deit_{size}")]
            parser = ConfigParser()
            parser.read_config([*config_files(bundle, "train", demo=False), *layers])
            profile = parser.config
            assert profile.pop("ckpt_dir") == f"$@bundle_root + '/models/deit_{size}'"
            stem = profile.pop("stem_def")
            stems.append([stem.pop(name) for name in ("hidden_size", "mlp_dim", "num_heads")])
            profiles.append((profile, stem))
        assert profiles[0] == profiles[1] == profiles[2]
        assert stems == [[768, 3072, 12], [384, 1536, 6], [192, 768, 3]]

    def test_a_profile_leaves_nothing_of_how_the_default_learns(self, bundle):
        """Whatever the default says of training and network, the profile says too, or both mean the same by it."""
        default, profile = configs(bundle, "train"), configs(bundle, "deit_base")
        names = list(default)
        learning = names[names.index("max_epochs") : names.index("network_def")]
        shared = {"accumulation_steps", "val_batch_size", "max_grad_norm", "val_interval", "focal_gamma",
                  "cutmix_alpha", "stem_weights"}  # fmt: skip
        assert set(learning) - shared - set(profile) == set()
        assert {"img_size", "augmentation"} <= set(profile)
        assert profile["tta_rotations_deg"] == [0], "its images are seldom turned in training"

    def test_weights_by_name_without_the_overlay_are_refused(self, bundle, xrays, tmp_path):
        name = "facebook/deit-base-patch16-224"
        text = failure(bundle, "train", tmp_path, demo=False, dataset_dir=str(xrays), stem_weights=name)
        assert f"no weights of the stem at {name}" in text
        assert "configs/deit_base.json" in text


@pytest.mark.parametrize("bundle", CLASSIFIERS)
@pytest.mark.parametrize("size", [[112, 112], [224, 224], [160, 96]])
def test_strong_augmentation_fits_the_image(bundle, size):
    files = [*config_files(bundle, "train", demo=False), overlay(bundle, "strong_augmentation")]
    built = ConfigWorkflow(files, workflow_type="train", logging_file=False, img_size=size)
    built.initialize()
    augment = Compose(built.parser.get_parsed_content("augmentation")).set_random_state(0)
    holes = augment.transforms[-1].transforms[-1].dropper
    assert [round(100 * length / side) for length, side in zip(holes.max_spatial_size, size, strict=True)] == [18, 18]
    image = torch.rand(1, *size)
    for _ in range(4):
        made = augment({"image": image, "lung_mask": (image > 0.5).float()})
        assert made["image"].shape == made["lung_mask"].shape == image.shape
        assert not torch.equal(made["image"], image)


@pytest.mark.parametrize("bundle", with_option("most_overlays", "inference"))
def test_one_file_is_segmented_with_its_picture(bundle, phantom, tmp_path):
    image = read_datalist(phantom, "test")[0]["image"]
    options = {"output_dir": str(tmp_path / "masks"), "load_pretrain": False, "threshold": 0.4}
    run(bundle, "inference", tmp_path, dataset_dir=image, **options)
    masks = list((tmp_path / "masks").rglob("*_seg.nii.gz"))
    assert [nibabel.load(mask).shape for mask in masks] == [nibabel.load(image).shape]
    assert len(list((tmp_path / "masks" / "overlays").glob("*.png"))) == 1
