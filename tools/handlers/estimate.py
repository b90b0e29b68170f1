"""Say early what a training run will cost: time, disk and memory."""

import logging
import os
import shutil
import time

from ignite.engine import Engine, Events
from torch import nn

from .resume import BEST, LAST

logger = logging.getLogger(__name__)

BYTES_PER_FLOAT = 4
COPIES_ON_DISK = 4  # model.pt once; last.ckpt holds the weights and the two moments of AdamW
COPIES_IN_MEMORY = 4  # weights, gradients, two moments


class Estimate:
    """Log disk and memory when training starts, and the time once a few iterations were measured.

    Args:
        network: what is trained.
        ckpt_dir: where checkpoints go; its free space is compared with what they need.
        warmup_iterations: iterations before the measurement.
        measured_iterations: iterations measured.

    Raises:
        OSError: when the free space cannot hold the checkpoints.
    """

    def __init__(
        self, network: nn.Module, ckpt_dir: str, warmup_iterations: int = 1, measured_iterations: int = 3
    ) -> None:
        self.network = network
        self.ckpt_dir = ckpt_dir
        self.warmup = warmup_iterations
        self.measured = measured_iterations

    def attach(self, engine: Engine) -> None:
        """Register with a trainer."""
        engine.add_event_handler(Events.STARTED, self._begin)
        # after all STARTED handlers: by then the checkpoints of another run have been put aside
        engine.add_event_handler(Events.EPOCH_STARTED, self._before_the_first_epoch)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.time)

    def _begin(self, engine: Engine) -> None:
        self.seen = 0
        self.looked = False

    def _before_the_first_epoch(self, engine: Engine) -> None:
        if not self.looked:
            self.looked = True
            self.space()

    def space(self) -> None:
        """Compare what checkpoints need with the free space."""
        parameters = sum(parameter.numel() for parameter in self.network.parameters())
        need = parameters * BYTES_PER_FLOAT * COPIES_ON_DISK
        os.makedirs(self.ckpt_dir, exist_ok=True)
        free = shutil.disk_usage(self.ckpt_dir).free
        logger.info(
            "%.1f M parameters; checkpoints need %.2f GB on disk (%.1f GB free), training %.2f GB of memory besides "
            "activations and cached volumes",
            parameters / 1e6, need / 1e9, free / 1e9, parameters * BYTES_PER_FLOAT * COPIES_IN_MEMORY / 1e9,
        )  # fmt: skip
        # while a checkpoint is replaced, the old and the new one exist side by side
        peak = max(2 * need - replaced_bytes(self.ckpt_dir), need)
        if free < peak:
            raise OSError(
                f"checkpoints need {peak / 1e9:.2f} GB while they are written, but "
                f"{os.path.abspath(self.ckpt_dir)} has {free / 1e9:.2f} GB free; make room or name another folder "
                "with --ckpt_dir"
            )

    def time(self, engine: Engine) -> None:
        """Measure a few iterations after the first ones and log what all of them will take."""
        self.seen += 1
        if self.seen == self.warmup:
            self.begin = time.perf_counter()
        elif self.seen == self.warmup + self.measured:
            seconds = (time.perf_counter() - self.begin) / self.measured
            left = engine.state.max_epochs * engine.state.epoch_length - engine.state.iteration
            if left == 0:
                return
            logger.info(
                "%.2f s an iteration: %d iterations left take about %s, validation not counted",
                seconds, left, readable(seconds * left),
            )  # fmt: skip


def replaced_bytes(folder: str) -> int:
    """Return the size of the checkpoints that a run replaces; a file kept under a second name frees nothing."""
    paths = [os.path.join(folder, name) for name in (LAST, BEST)]
    found = [os.stat(path) for path in paths if os.path.isfile(path)]
    return sum(status.st_size for status in found if status.st_nlink == 1)


def readable(seconds: float) -> str:
    """Return a duration as text, for example ``3 h 5 min``."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
