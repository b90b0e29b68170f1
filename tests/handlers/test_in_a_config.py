"""The handlers as a bundle lists them: dictionaries in ``train#handlers``, run by ``$@train#trainer.run()``."""

import signal

import pytest
import torch
from ignite.engine import Events
from monai.bundle import ConfigParser

from tools.handlers.checkpoint_file import read_checkpoint

CONFIG = {
    "max_epochs": 2,
    "network": {"_target_": "tests.handlers.toy_run.ToyNetwork"},
    "optimizer": {"_target_": "torch.optim.AdamW", "params": "$@network.parameters()", "lr": 0.01},
    "lr_scheduler": {
        "_target_": "tools.schedules.warmup_cosine.WarmupCosineLR",
        "optimizer": "@optimizer",
        "max_epochs": "@max_epochs",
    },
    "data": [{"phantom": True}],
    "ckpt_dir": {
        "_target_": "tools.handlers.run_folder.checkpoint_dir",
        "ckpt_dir": "$@folder + '/models'",
        "phantom_ckpt_dir": "$@folder + '/models/phantom'",
        "data": "@data",
    },
    "fingerprint": {
        "_target_": "tools.handlers.run_folder.fingerprint",
        "data": "@data",
        "learning_rate": 0.01,
    },
    "validate": {"evaluator": {"_target_": "tests.handlers.toy_run.toy_validator", "network": "@network"}},
    "train": {
        "dataset": {"_target_": "tests.handlers.toy_run.ToyImages"},
        "sampler": {
            "_target_": "tools.datasets.epoch_sampler.EpochSampler",
            "length": "$len(@train#dataset)",
            "seed": 1,
        },
        "dataloader": {
            "_target_": "DataLoader",
            "dataset": "@train#dataset",
            "batch_size": 2,
            "sampler": "@train#sampler",
        },
        "handlers": [
            {"_target_": "tools.handlers.run_lock.RunLock", "folder": "$@folder + '/eval'"},
            {"_target_": "tools.handlers.out_of_memory.OutOfMemory"},
            {
                "_target_": "tools.handlers.stability_guard.StabilityGuard",
                "network": "@network",
                "optimizer": "@optimizer",
                "output_dir": "$@folder + '/eval'",
            },
            {"_target_": "LrScheduleHandler", "lr_scheduler": "@lr_scheduler", "print_lr": False},
            {"_target_": "tools.handlers.loss_explosion.LossExplosion", "lr_scheduler": "@lr_scheduler"},
            {"_target_": "ValidationHandler", "validator": "@validate#evaluator", "interval": 1},
            {"_target_": "tools.handlers.early_stop.EarlyStop", "validator": "@validate#evaluator"},
            {"_target_": "tools.handlers.progress.Progress", "validator": "@validate#evaluator"},
            {
                "_target_": "tools.handlers.checkpoints.Checkpoints",
                "network": "@network",
                "optimizer": "@optimizer",
                "lr_scheduler": "@lr_scheduler",
                "validator": "@validate#evaluator",
                "checkpoint_dir": "@ckpt_dir",
                "fingerprint": "@fingerprint",
            },
        ],
        "trainer": {
            "_target_": "SupervisedTrainer",
            "device": "$torch.device('cpu')",
            "max_epochs": "@max_epochs",
            "train_data_loader": "@train#dataloader",
            "network": "@network",
            "optimizer": "@optimizer",
            "loss_function": {"_target_": "tests.handlers.toy_run.ToyLoss"},
            "decollate": False,
            "train_handlers": "@train#handlers",
        },
    },
    "imports": ["$import torch"],
    "run": ["$@train#trainer.run()"],
}


def run(folder):
    parser = ConfigParser({**CONFIG, "folder": str(folder)})
    parser.parse()
    parser.get_parsed_content("run")
    return parser.get_parsed_content("train#trainer")


def test_run_and_finished_run(tmp_path, caplog):
    assert run(tmp_path).state.iteration == 12
    weights = torch.load(tmp_path / "models" / "phantom" / "model.pt", weights_only=True)
    assert "0.weight" in weights
    run(tmp_path)
    assert "this run is finished" in caplog.text


def test_interrupt_leaves_through_the_config_with_its_exit_code(tmp_path):
    parser = ConfigParser({**CONFIG, "folder": str(tmp_path)})
    parser.parse()
    trainer = parser.get_parsed_content("train#trainer")
    trainer.add_event_handler(Events.ITERATION_STARTED(once=1), lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(SystemExit) as end:
        parser.get_parsed_content("run")
    assert end.value.code == 130
    assert read_checkpoint(tmp_path / "models" / "phantom" / "last.ckpt")["iteration"] == 1
    assert run(tmp_path).state.iteration == 12
