"""Count how often a training step waits for the device: the plain reference, and the trainer with its guard.

    python -m benchmarks.host_syncs [--device cuda] [--json OUT]

On CUDA PyTorch's own ``torch.cuda.set_sync_debug_mode`` reports each wait. On a CPU, where nothing waits, operations
that need a tensor's value on the host are counted instead (``item``, ``bool``, ``tolist``, ``nonzero``, ``cpu``,
``numpy``). The network is small: the count depends on the number of parameters and layers, which are the full one's.
"""

from __future__ import annotations

import collections
import logging
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from ignite.engine import Events
from monai.engines import SupervisedTrainer
from torch.utils._python_dispatch import TorchDispatchMode

from tools.handlers.stability_guard import StabilityGuard
from tools.losses.finite_dice_ce import FiniteDiceCELoss
from tools.networks.aura_vit import AuraViT

from .arguments import parse
from .interleave import save
from .reference_aura import PlainDiceCE, reference_step, same_network

FULL_DEPTH = {"img_size": 64, "hidden_size": 48, "mlp_dim": 96, "decoder_channels": (32, 16, 8, 8)}
ON_THE_HOST = (
    "monai/losses/dice.py",
    "torch/optim/",
)  # there the value asked for lives on the host: index, step number
WAITS = ("_local_scalar_dense", "nonzero", "equal", "masked_select", "_unique2")


class HostReads(TorchDispatchMode):
    """Count operations that need a value on the host, by the line that asks."""

    def __init__(self) -> None:
        super().__init__()
        self.places: collections.Counter[str] = collections.Counter()

    def note(self) -> None:
        """Count the innermost line outside PyTorch and this file."""
        stack = traceback.extract_stack()
        if not any(name in frame.filename for name in ON_THE_HOST for frame in stack):
            frames = [f for f in stack if "/torch/" not in f.filename and f.filename != __file__]
            self.places["/".join(Path(frames[-1].filename).parts[-3:]) + f":{frames[-1].lineno}"] += 1

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket.__name__ in WAITS:
            self.note()
        return func(*args, **(kwargs or {}))


@contextmanager
def counted(device: torch.device) -> Iterator[collections.Counter[str]]:
    """Count the waits inside the block, by place."""
    if device.type == "cuda":
        places: collections.Counter[str] = collections.Counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            yield places
            torch.cuda.set_sync_debug_mode("default")
        for warning in caught:
            if "synchroniz" in str(warning.message):
                places["/".join(Path(warning.filename).parts[-3:]) + f":{warning.lineno}"] += 1
        return
    reads = HostReads()
    kept = {name: getattr(torch.Tensor, name) for name in ("tolist", "cpu", "numpy")}

    def noting(name: str):
        def method(tensor, *args, **kwargs):
            reads.note()
            return kept[name](tensor, *args, **kwargs)

        return method

    for name in kept:
        setattr(torch.Tensor, name, noting(name))
    try:
        with reads:
            yield reads.places
    finally:
        for name, method in kept.items():
            setattr(torch.Tensor, name, method)


def reference_count(network: AuraViT, device: torch.device, batch: dict[str, torch.Tensor]) -> collections.Counter[str]:
    """Waits of one step as the original did it."""
    reference = same_network(network, **FULL_DEPTH).to(device)
    adamw, loss = torch.optim.AdamW(reference.parameters(), lr=2e-5), PlainDiceCE()
    reference_step(reference, adamw, loss, **batch)
    with counted(device) as places:
        reference_step(reference, adamw, loss, **batch)
    return places


def our_count(network: AuraViT, device: torch.device, batch: dict[str, torch.Tensor]) -> collections.Counter[str]:
    """Waits of the second iteration of MONAI's trainer with the stability guard."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-5, fused=True)
    seen: list[collections.Counter[str]] = []
    with tempfile.TemporaryDirectory() as folder:
        trainer = SupervisedTrainer(
            device=device,
            max_epochs=1,
            train_data_loader=[{key: value.cpu() for key, value in batch.items()}] * 3,
            network=network,
            optimizer=optimizer,
            loss_function=FiniteDiceCELoss(),
            amp=device.type == "cuda",
            decollate=False,  # splitting the batch would read the loss once more
        )
        StabilityGuard(network, optimizer, folder).attach(trainer)
        block = None

        @trainer.on(Events.ITERATION_STARTED(every=2))
        def begin(_):
            nonlocal block
            block = counted(device)
            seen.append(block.__enter__())

        @trainer.on(Events.ITERATION_COMPLETED(every=2))
        def end(_):
            block.__exit__(None, None, None)

        trainer.run()
    return seen[0]


def main() -> None:
    args = parse(__doc__)
    logging.disable(logging.INFO)
    torch.manual_seed(0)
    network = AuraViT(**FULL_DEPTH).to(args.device)
    image = torch.rand(2, 1, 64, 64, device=args.device)
    batch = {"image": image, "label": (image > 0.9).float()}
    counts = {"reference": reference_count(network, args.device, batch), "ours": our_count(network, args.device, batch)}
    for side, places in counts.items():
        print(f"{side}: {sum(places.values())} host syncs a step" + (" (at most 2)" if side == "ours" else ""))
        for place, times in places.most_common(6):
            print(f"    {times:5d}  {place}")
    save(args.json, args.device, args.quick, counts={side: sum(places.values()) for side, places in counts.items()})


if __name__ == "__main__":
    main()
