"""A training run of seconds with everything a real one has, for tests that kill, interrupt and resume it."""

import argparse
import logging
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from ignite.engine import Events
from ignite.metrics import Average
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.handlers import LrScheduleHandler, ValidationHandler
from torch import nn
from torch.utils.data import DataLoader, Dataset

from tools.datasets.epoch_sampler import EpochSampler
from tools.handlers.checkpoints import Checkpoints
from tools.handlers.early_stop import EarlyStop
from tools.handlers.loss_explosion import LossExplosion
from tools.handlers.out_of_memory import OutOfMemory
from tools.handlers.progress import Progress
from tools.handlers.run_lock import RunLock
from tools.handlers.stability_guard import StabilityGuard
from tools.schedules.warmup_cosine import WarmupCosineLR


class ToyImages(Dataset):
    """Blobs whose noise depends on (epoch, index) alone; ``faults`` maps an index to what is wrong with it."""

    def __init__(self, length: int = 12, faults: dict[int, str] | None = None, delay: float = 0.0) -> None:
        self.length = length
        self.faults = faults or {}
        self.delay = delay

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, key: int | tuple[int, int]) -> dict[str, Any]:
        epoch, index = (0, key) if isinstance(key, int) else key
        time.sleep(self.delay)
        generator = torch.Generator().manual_seed(1000 * epoch + index)
        label = torch.zeros(1, 8, 8)
        label[:, index % 4 : index % 4 + 4, 2:6] = 1.0
        image = label + 0.3 * torch.randn(1, 8, 8, generator=generator)
        fault = self.faults.get(index)
        if fault == "image":
            image[0, 3, 3] = torch.nan
        elif fault == "label":
            label[0, 3, 3] = torch.inf
        elif fault == "loss":
            label[0, 3, 3] = 3e38
        return {"image": image, "label": label, "file": f"case_{index}.nii", "slice": index}


class ToyNetwork(nn.Sequential):
    """Convolution, BatchNorm, dropout: weights, buffers and random numbers."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout(0.3), nn.Conv2d(4, 1, 1))


class ToyLoss(nn.Module):
    """Cross-entropy that can give a NaN gradient with a finite loss at chosen calls (counted from 1)."""

    def __init__(self, poisoned: tuple[int, ...] = (), factor: float = 1.0) -> None:
        super().__init__()
        self.poisoned = poisoned
        self.factor = factor
        self.calls = 0

    def forward(self, prediction: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        loss = self.factor * nn.functional.binary_cross_entropy_with_logits(prediction, label)
        return loss + torch.sqrt((prediction * 0).sum()) if self.calls in self.poisoned else loss


def toy_validator(network: nn.Module) -> SupervisedEvaluator:
    """Evaluator whose key metric is the negative mean loss."""
    metric = Average(output_transform=lambda out: -nn.functional.mse_loss(out[0]["pred"].sigmoid(), out[0]["label"]))
    return SupervisedEvaluator(
        device=torch.device("cpu"), val_data_loader=DataLoader(ToyImages(4)), network=network,
        key_val_metric={"val_score": metric},
    )  # fmt: skip


def toy_trainer(arguments: argparse.Namespace, faults: dict[int, str] | None = None) -> SupervisedTrainer:
    """Trainer with all handlers, in the order the bundle lists them."""
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    network = ToyNetwork()
    if dist.is_initialized():
        network = nn.parallel.DistributedDataParallel(network)
    data = ToyImages(faults=faults, delay=arguments.delay)
    loader = DataLoader(data, batch_size=2, sampler=EpochSampler(len(data), seed=1), num_workers=arguments.workers)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0.1)
    scheduler = WarmupCosineLR(optimizer, max_epochs=arguments.epochs, warmup_epochs=1)
    validator = toy_validator(network)
    handlers = [
        RunLock(arguments.folder / "eval"),
        OutOfMemory(),
        StabilityGuard(network, optimizer, arguments.folder / "eval"),
        LrScheduleHandler(scheduler, print_lr=False),
        LossExplosion(scheduler),
        ValidationHandler(1, validator),
        EarlyStop(validator),
        Progress(validator),
        Checkpoints(
            network, optimizer, arguments.folder / "models", arguments.fingerprint, scheduler, validator,
            resume=not arguments.afresh, save_every=arguments.save_every, from_weights=arguments.from_weights,
        ),
    ]  # fmt: skip
    trainer = SupervisedTrainer(
        device=torch.device("cpu"), max_epochs=arguments.epochs, train_data_loader=loader, network=network,
        optimizer=optimizer, loss_function=ToyLoss(), train_handlers=handlers, decollate=False,
        accumulation_steps=arguments.accumulation,
    )  # fmt: skip
    for iteration in arguments.signal_at:
        signal_at(trainer, iteration, arguments.signal, arguments.group)
    return trainer


def signal_at(trainer: SupervisedTrainer, iteration: int, number: int, group: bool) -> None:
    """Send this process (or its group: workers too, as a terminal does) a signal in the middle of an iteration."""

    def send() -> None:
        os.killpg(0, number) if group else os.kill(os.getpid(), number)

    trainer.add_event_handler(Events.ITERATION_STARTED(once=iteration), send)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--accumulation", type=int, default=1)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--save-every", type=int, default=0)
    parser.add_argument("--fingerprint", default="a" * 64)
    parser.add_argument("--afresh", action="store_true")
    parser.add_argument("--from-weights", action="store_true")
    parser.add_argument("--signal-at", type=int, nargs="*", default=[])
    parser.add_argument("--signal", type=int, default=signal.SIGINT)
    parser.add_argument("--group", action="store_true")
    return parser.parse_args(arguments)


def main() -> None:
    arguments = parse()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    torch.set_num_threads(1)
    trainer = toy_trainer(arguments)
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: print("done", engine.state.iteration))
    trainer.run()
    print("end of program")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
