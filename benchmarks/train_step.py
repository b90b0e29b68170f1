"""One training step: this AuraViT against the plain reference, at equal weights.

python -m benchmarks.train_step [--quick] [--batch 4] [--device cuda] [--json OUT]
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn

from tools.losses.finite_dice_ce import FiniteDiceCELoss
from tools.networks.aura_vit import AuraViT

from .arguments import half_precision, parse
from .interleave import compare, interleave, save, show
from .reference_aura import PlainDiceCE, reference_step, same_network

AIMS = {"cpu": {"ours fp32": 1.15, "ours half": 2.2}, "cuda": {"ours half": 3.0}}
RATES = {"lr": 2e-5, "weight_decay": 1e-5}


def our_step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: nn.Module,
    scaler: torch.amp.GradScaler,
    image: torch.Tensor,
    label: torch.Tensor,
    half: torch.dtype | None,
) -> float:
    """Take one step as the trainer and its guard do: one question to the host for the loss, one for the norm."""
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(image.device.type, dtype=half, enabled=half is not None):
        logits = network(image)
    value = loss(logits, label)
    number, bad = torch.stack([value.detach(), loss.bad_samples.to(value.dtype)]).tolist()
    scaler.scale(value).backward()
    scaler.unscale_(optimizer)
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 0.5, foreach=True)
    if not bad and torch.isfinite(norm).item():
        scaler.step(optimizer)
    scaler.update()
    return number


def ours(network: nn.Module, image: torch.Tensor, label: torch.Tensor, half: torch.dtype | None) -> Callable[[], float]:
    """Close over what a step needs."""
    optimizer = torch.optim.AdamW(network.parameters(), fused=True, **RATES)
    on = half == torch.float16
    scaler, loss = torch.amp.GradScaler(image.device.type, enabled=on), FiniteDiceCELoss()
    return lambda: our_step(network, optimizer, loss, scaler, image, label, half)


def main() -> None:
    args = parse(__doc__, lambda parser: parser.add_argument("--batch", type=int, help="slices a step; default 4"))
    batch = args.batch or (1 if args.quick else 4)
    repeats = args.repeats or (2 if args.quick else 5)
    torch.manual_seed(0)
    network = AuraViT(**args.network)
    reference = same_network(network, **args.network).to(args.device)
    channels_last = copy.deepcopy(network).to(args.device, memory_format=torch.channels_last)
    network = network.to(args.device)
    image = torch.rand(batch, 1, 256, 256, device=args.device)
    label = (torch.rand(batch, 1, 256, 256, device=args.device) > 0.99).float()
    with torch.inference_mode():
        mine, other = network.eval()(image), reference.eval()(image)
    difference = ((mine - other).abs().max() / other.abs().max()).item()
    print(f"largest relative difference of the logits before training: {difference:.1e} (at most 1e-5)")

    adamw = torch.optim.AdamW(reference.parameters(), **RATES)
    plain = PlainDiceCE()
    sides = {"reference fp32": lambda: reference_step(reference.train(), adamw, plain, image, label)}
    sides["ours fp32"] = ours(network.train(), image, label, None)
    sides["ours half"] = ours(channels_last.train(), image, label, half_precision(args.device))
    seconds = interleave(sides, repeats, args.device)
    rows = compare(seconds, AIMS[args.device.type] if not args.network else None)
    show(f"training step, batch {batch}, {repeats} rounds", rows)
    save(args.json, args.device, args.quick, batch=batch, difference=difference, rows=rows)


if __name__ == "__main__":
    main()
