"""Load a network's weights before a run, and say what to do when there are none."""

from pathlib import Path

import torch
from ignite.engine import Engine, Events
from monai.handlers import CheckpointLoader
from torch import nn

from ..networks.fold_batch_norm import fold_batch_norm


class LoadWeights:
    """Load a state dictionary into a network when the engine starts, through MONAI's loader (``weights_only``).

    Args:
        load_path: file with a state dictionary, as training writes it to ``model.pt``.
        network: the network to fill.
        enabled: False leaves the network as it was initialised.
        fold: fold each BatchNorm into its convolution afterwards (``networks.fold_batch_norm``), which is faster and
            equal up to rounding, and good for evaluation only.

    Raises:
        FileNotFoundError: when the engine starts and the file is missing.
        ValueError: when the file cannot be read as weights, or they do not fit the network.
    """

    def __init__(self, load_path: str, network: nn.Module, enabled: bool = True, fold: bool = False) -> None:
        self.load_path = Path(load_path)
        self.network = network
        self.enabled = enabled
        self.fold = fold
        self.folded = False

    def attach(self, engine: Engine) -> None:
        """Register with an engine."""
        if self.enabled:
            engine.add_event_handler(Events.STARTED, self)

    def __call__(self, engine: Engine) -> None:
        """Load the file; a folded network is left alone, its weights have other names."""
        if self.folded:
            return
        if not self.load_path.is_file():
            raise FileNotFoundError(
                f"no weights at {self.load_path.resolve()}: train first (configs/train.json writes them), name another "
                "folder with --ckpt_dir, or pass --load_pretrain false to run the untrained network"
            )
        device = next(self.network.parameters()).device
        try:
            CheckpointLoader(str(self.load_path), {"model": self.network}, map_location=device)(engine)
        except (OSError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # a file of any kind fails anywhere in torch
            # the last line of a failure tells the first cause, here pages of torch
            raise ValueError(f"{self.load_path.resolve()} {_why(error)}") from None
        if self.fold:
            fold_batch_norm(self.network.eval())
            self.folded = True


def _why(error: Exception) -> str:
    """What is wrong with a file that torch did not take, and the next move; torch lists every tensor."""
    lines = [line.strip() for line in str(error).splitlines()]
    kinds = ("Missing key", "Unexpected key", "size mismatch")
    found = [next((line for line in lines if line.startswith(kind)), None) for kind in kinds]
    if not any(found):
        return f"cannot be read as weights ({type(error).__name__}): copy or download it again, or train"
    if found[1] and '"fingerprint"' in found[1]:
        return "is a checkpoint to go on training from, not weights: give the model.pt beside it"
    shown = "; ".join(line[:160].rstrip(".") + ("..." if len(line) > 160 else "") for line in found if line)
    return (
        f"must hold the weights of the network that this configuration builds, they do not fit it: {shown}. Give the "
        "overlays and options that shaped it in training"
    )
