"""The two profiles of aura_vae: which numbers reach network, loss, optimiser and schedule."""

import pytest
from monai.bundle import ConfigParser

from tests.bundles.bundle_runs import REPOSITORY
from tools.losses.aura_vae_loss import AuraVAELoss

CONFIGS = REPOSITORY / "bundles" / "aura_vae" / "configs"
# small enough to be built in a moment; what a profile sets is left alone
SMALL = {
    "img_size": [32, 32],
    "network_def#hidden_size": 16,
    "network_def#mlp_dim": 16,
    "network_def#num_layers": 4,
    "network_def#num_heads": 2,
    "network_def#decoder_channels": [8, 8, 4, 4],
    "device": "cpu",
}
ITEMS = {"train#dataset#data": [{"image": "scan.nii", "label": "mask.nii"}]}
FIRST = {"rate": 1e-6, "decay": 1e-5, "batch": 8, "epochs": 125, "mse": 0.1, "kl": 0.01, "ramp": 0, "dropout": 0.1}
LATER = {"rate": 1e-4, "decay": 1e-4, "batch": 4, "epochs": 200, "mse": 0.05, "kl": 0.005, "ramp": 30, "dropout": 0.15}


def parser(*names: str) -> ConfigParser:
    """The merged configuration of a profile."""
    config = ConfigParser()
    config.read_config([str(CONFIGS / f"{name}.json") for name in names])
    config.update(SMALL if names[0] == "inference" else {**SMALL, **ITEMS})
    return config


@pytest.mark.parametrize(
    ("names", "numbers"), [(["train"], FIRST), (["train", "later"], LATER)], ids=["first", "later"]
)
def test_numbers_of_a_profile_reach_what_they_are_for(names, numbers):
    config = parser(*names)
    (group,) = config.get_parsed_content("optimizer").param_groups
    schedule, loss = (config.get_parsed_content(name) for name in ("lr_scheduler", "loss_function"))
    network = config.get_parsed_content("network_def")
    found = {
        "rate": group["lr"],
        "decay": group["weight_decay"],
        "batch": config.get_parsed_content("batch_size"),
        "epochs": config.get_parsed_content("max_epochs"),
        "mse": loss.reconstruction_weight,
        "kl": loss.kl_weight,
        "ramp": config.get_parsed_content("kl_warmup_epochs"),
        "dropout": network.encoder.embedding.dropout.p,
    }
    assert found == numbers
    assert (schedule.mode, schedule.factor, schedule.patience) == ("max", 0.2, 4)
    assert isinstance(loss, AuraVAELoss)


def test_the_later_profile_writes_to_folders_of_its_own():
    folders = [parser(*names) for names in (["train"], ["train", "later"])]
    for name in ("ckpt_dir", "output_dir"):
        first, later = (config.get_parsed_content(name) for config in folders)
        assert later == f"{first}/later"


@pytest.mark.parametrize("overlay", ["later", "demo"])
def test_an_overlay_shapes_the_network_of_training_and_inference_alike(overlay):
    built = [parser(name, overlay).get_parsed_content("network_def") for name in ("train", "inference")]
    shapes = [{name: p.shape for name, p in network.named_parameters()} for network in built]
    assert shapes[0] == shapes[1]
