"""A network that samples, with all its handlers: resumed bit for bit, guarded, its parts of the loss written down."""

import copy
import os
import signal

import pytest
import torch
from ignite.engine import Events
from ignite.metrics import Average
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.handlers import ValidationHandler
from torch import nn
from torch.utils.data import DataLoader

from tests.handlers.test_stability_guard import assert_same, incidents
from tests.handlers.toy_run import ToyImages
from tools.datasets.epoch_sampler import EpochSampler
from tools.handlers.checkpoint_file import read_checkpoint
from tools.handlers.checkpoints import Checkpoints
from tools.handlers.history import History
from tools.handlers.kl_warm_up import KLWarmUp
from tools.handlers.loss_explosion import LossExplosion
from tools.handlers.stability_guard import StabilityGuard
from tools.handlers.step_schedule import StepSchedule
from tools.losses.aura_vae_loss import AuraVAELoss
from tools.networks.aura_vae import AuraVAE
from tools.report.run_files import read_json_lines
from tools.schedules.plateau import PlateauLR

EPOCHS = 4
QUIET = {"dropout_rate": 0.0, "decoder_dropout_rate": 0.0, "aspp_dropout_rate": 0.0}  # only the latent is random


def small_network() -> AuraVAE:
    torch.manual_seed(0)
    shape = {"img_size": 8, "patch_size": 4, "hidden_size": 8, "mlp_dim": 8, "num_layers": 2, "num_heads": 2}
    return AuraVAE(**shape, decoder_channels=(6, 4), aspp_rates=(1,), **QUIET)


def make_trainer(folder, network=None, faults=None) -> SupervisedTrainer:
    """Trainer and validator as the bundle has them; three steps an epoch, four samples each."""
    network = network or small_network()
    loss = AuraVAELoss()
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    schedule = PlateauLR(optimizer, patience=0)
    score = Average(output_transform=lambda out: -nn.functional.mse_loss(out[0]["pred"].sigmoid(), out[0]["label"]))
    validator = SupervisedEvaluator(
        device=torch.device("cpu"), val_data_loader=DataLoader(ToyImages(4)), network=network,
        key_val_metric={"val_score": score},
    )  # fmt: skip
    handlers = [
        StabilityGuard(network, optimizer, folder / "eval"),
        KLWarmUp(loss, warmup_epochs=3),
        StepSchedule(schedule, validator),
        LossExplosion(schedule),
        History(folder / "eval", optimizer, tensorboard=False),
        ValidationHandler(1, validator),
        Checkpoints(network, optimizer, folder / "models", "f" * 64, schedule, validator),
    ]
    data = ToyImages(faults=faults)
    loader = DataLoader(data, batch_size=4, sampler=EpochSampler(len(data), seed=1))
    return SupervisedTrainer(
        device=torch.device("cpu"), max_epochs=EPOCHS, train_data_loader=loader, network=network,
        optimizer=optimizer, loss_function=loss, train_handlers=handlers, decollate=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Folder of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    make_trainer(folder).run()
    return folder


@pytest.mark.parametrize("interrupted_in", [5, 6], ids=["within an epoch", "at its end"])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(whole, tmp_path, interrupted_in):
    first = make_trainer(tmp_path)

    def interrupt():
        os.kill(os.getpid(), signal.SIGINT)

    first.add_event_handler(Events.ITERATION_STARTED(once=interrupted_in), interrupt)
    with pytest.raises(SystemExit, match="130"):
        first.run()
    torch.manual_seed(99)  # another process would not have this one's random numbers
    resumed = make_trainer(tmp_path)
    resumed.run()
    assert resumed.state.iteration == 3 * EPOCHS
    one, other = (read_checkpoint(folder / "models" / "last.ckpt") for folder in (whole, tmp_path))
    assert_same(one, other)


def test_the_run_is_random_at_all(whole, tmp_path):
    network = small_network()
    trainer = make_trainer(tmp_path, network)
    trainer.add_event_handler(Events.STARTED, lambda: torch.manual_seed(99))
    trainer.run()
    weights = read_checkpoint(whole / "models" / "last.ckpt")["network"]
    assert not torch.equal(weights["latent.mean.weight"], network.state_dict()["latent.mean.weight"])


def test_parts_of_the_loss_and_the_weight_of_the_kl_are_in_the_history(whole):
    lines = [line for line in read_json_lines(whole / "eval" / "history.jsonl") if line["kind"] == "train"]
    assert [line["kl_weight"] for line in lines] == pytest.approx([0.0, 0.01 / 3, 0.02 / 3, 0.01])
    for line in lines:
        total = line["loss_segmentation"] + 0.1 * line["loss_reconstruction"] + line["kl_weight"] * line["loss_kl"]
        assert line["loss"] == pytest.approx(total, rel=1e-5)
    rates = [line["lr"] for line in lines]
    assert rates == sorted(rates, reverse=True)


def test_a_bad_image_costs_its_step_and_nothing_else(tmp_path):
    trainer = make_trainer(tmp_path, faults={5: "image"})
    trainer.run()
    found = incidents(tmp_path / "eval")
    assert len(found) == EPOCHS
    assert {incident["kind"] for incident in found} == {"image"}
    assert {name for incident in found for name in incident["files"]} == {"case_5.nii"}
    assert all(torch.isfinite(value).all() for value in trainer.network.state_dict().values())


class Sick(AuraVAE):
    """Answers a sample whose image is all 7 with logits that are not finite."""

    def forward(self, x):
        output = super().forward(x)
        if self.training:
            sick = (x[:, 0, 0, 0] == 7.0).reshape(-1, 1, 1, 1)
            output["logits"] = torch.where(sick, torch.nan, output["logits"])
        return output


def test_bad_logits_are_described_and_their_file_is_named(tmp_path):
    network = small_network()
    network.__class__ = Sick
    before = copy.deepcopy(network.state_dict())
    trainer = make_trainer(tmp_path, network)
    data = [ToyImages()[index] for index in range(4)]
    data[2]["image"][:] = 7.0
    trainer.data_loader = DataLoader(data, batch_size=4)
    trainer.state.max_epochs = trainer.state.epoch_length = 1
    trainer.run()
    (incident,) = incidents(tmp_path / "eval")
    assert incident["kind"] == "logits"
    assert incident["files"] == ["case_2.nii"]
    assert (incident["nonfinite"], incident["values"]) == (64, 256)
    assert_same(dict(before), dict(trainer.network.state_dict()))
