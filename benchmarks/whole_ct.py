"""Segment a whole CT: this AuraViT and inferer against the plain reference, at equal weights.

python -m benchmarks.whole_ct [--quick] [--slices 120] [--weights model.pt] [--device cuda] [--json OUT]
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path

import torch
from monai.metrics import compute_dice
from torch import nn

from tools.inferers.autocast_inferer import AutocastInferer
from tools.inferers.slice_inferer import BodySliceInferer
from tools.networks.aura_vit import AuraViT
from tools.networks.fold_batch_norm import fold_batch_norm

from .arguments import half_precision, parse
from .interleave import compare, interleave, save, show
from .reference_aura import same_network
from .synthetic_ct import synthetic_ct

AIMS = {
    "cpu": {"ours fp32": 1.1, "ours half": 2.2},
    "cuda": {"ours half": 8.0},
}


def extend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--slices", type=int, help="slices of the CT; default 120")
    parser.add_argument("--air", type=float, default=0.1, help="share of slices beyond the body")
    parser.add_argument("--batch", type=int, help="windows in one forward pass of ours; default 1 on CPU, 8 on CUDA")
    parser.add_argument("--weights", type=Path, help="trained weights (a state dict of the network); default: random")


def reference_ct(network: nn.Module, volume: torch.Tensor, device: torch.device) -> torch.Tensor:
    """One slice at a time, the answer copied back after each, as the original did; logits like ``volume``."""
    out = torch.empty_like(volume)
    with torch.no_grad():
        for position in range(volume.shape[-1]):
            out[..., position] = network(volume[..., position].contiguous().to(device)).cpu()
    return out


def main() -> None:
    args = parse(__doc__, extend)
    slices = args.slices or (6 if args.quick else 120)
    repeats = args.repeats or (2 if args.quick else 3)
    half = half_precision(args.device)
    torch.manual_seed(0)
    network = AuraViT(**args.network)
    if args.weights:
        network.load_state_dict(torch.load(args.weights, map_location="cpu", weights_only=True))
    else:  # logits of an untrained network are all but zero; make them as large as a trained one's
        nn.init.xavier_uniform_(network.decoder.out.weight)
    reference = same_network(network, **args.network).eval().to(args.device)
    network = fold_batch_norm(copy.deepcopy(network).eval()).to(args.device, memory_format=torch.channels_last)
    volume = synthetic_ct(slices, args.air)
    batch = args.batch or (8 if args.device.type == "cuda" else 1)
    every = BodySliceInferer(batch_size=batch, skip_outside_body=False)
    body = BodySliceInferer(batch_size=batch)
    feed = network if args.device.type == "cpu" else lambda x: network(x.to(args.device))

    def run(inferer, dtype=None):
        with torch.inference_mode():
            return AutocastInferer(inferer, args.device.type, dtype or torch.bfloat16, dtype is not None)(volume, feed)

    expected = reference_ct(reference, volume, args.device)
    exact, rough, skipped = run(every), run(every, half), run(body)
    difference = ((exact - expected).abs().max() / expected.abs().max()).item()
    dice = compute_dice((rough > 0).float(), (expected > 0).float()).item()
    seen, covering = body.last_windows
    inside = skipped != body.background_logit
    kept = (skipped - exact)[inside].abs().max().item() if inside.any() else 0.0
    print(f"largest relative difference of the logits in fp32: {difference:.1e} (at most 1e-5)")
    print(
        f"Dice between the masks of half precision and of the reference: {dice:.4f}"
        + (
            " (at least 0.998)"
            if args.weights
            else " (random weights: logits near the threshold; give --weights to judge)"
        )
    )
    print(f"windows left by skipping: {seen} of {covering} ({seen / covering:.0%}); largest change there: {kept:.1e}")

    sides = {
        "reference fp32": lambda: reference_ct(reference, volume, args.device),
        "ours fp32": lambda: run(every),
        "ours half": lambda: run(every, half),
        "ours half, body only": lambda: run(body, half),
    }
    rows = compare(
        interleave(sides, repeats, args.device, warmup=0 if slices > 20 else 1),
        AIMS[args.device.type] if not args.network else None,
    )
    show(f"whole CT, {slices} slices of 256x256, {repeats} rounds", rows)
    extras = {"difference": difference, "dice": dice, "windows": [seen, covering], "slices": slices}
    save(args.json, args.device, args.quick, rows=rows, **extras)


if __name__ == "__main__":
    main()
