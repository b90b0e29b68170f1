"""Peak memory of inference: ours against the plain reference, each in a process of its own.

    python -m benchmarks.peak_memory [--quick] [--slices 40] [--device cuda] [--json OUT]

On a CPU the peak resident size of the process, less what it was when the weights had been loaded; both absolute
numbers are printed too. On CUDA the peak of allocated memory. Volume and weights are the same on both sides.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys

import torch

from .arguments import half_precision, parse
from .interleave import save

MEBI = 1024**2


def extend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--slices", type=int, help="slices of the CT; default 40")
    parser.add_argument("--batch", type=int, help="windows in one forward pass of ours; default 1 on CPU, 8 on CUDA")
    parser.add_argument("--child", choices=["reference fp32", "ours fp32", "ours half"], help=argparse.SUPPRESS)


def resident(device: torch.device) -> float:
    """Peak so far, in MiB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / MEBI
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child(args: argparse.Namespace, slices: int) -> None:
    """Run one side and print its peaks."""
    from tools.inferers.autocast_inferer import AutocastInferer
    from tools.inferers.slice_inferer import BodySliceInferer
    from tools.networks.aura_vit import AuraViT
    from tools.networks.fold_batch_norm import fold_batch_norm

    from .reference_aura import ReferenceAura
    from .synthetic_ct import synthetic_ct
    from .whole_ct import reference_ct

    volume = synthetic_ct(slices, air=0.0)
    if args.child == "reference fp32":
        network = ReferenceAura(**args.network).eval().to(args.device)
    else:
        network = fold_batch_norm(AuraViT(**args.network).eval()).to(args.device, memory_format=torch.channels_last)
    before = resident(args.device)
    if args.child == "reference fp32":
        reference_ct(network, volume, args.device)
    else:
        batch = args.batch or (8 if args.device.type == "cuda" else 1)
        on = args.child == "ours half"
        inferer = AutocastInferer(
            BodySliceInferer(batch_size=batch, skip_outside_body=False),
            args.device.type,
            half_precision(args.device),
            on,
        )
        with torch.inference_mode():
            inferer(volume, lambda x: network(x.to(args.device)))
    print(json.dumps({"loaded": before, "peak": resident(args.device)}))


def main() -> None:
    args = parse(__doc__, extend)
    slices = args.slices or (3 if args.quick else 40)
    if args.child:
        child(args, slices)
        return
    rows = {}
    for side in ("reference fp32", "ours fp32", "ours half"):
        command = [sys.executable, "-m", "benchmarks.peak_memory", *sys.argv[1:], "--child", side]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        rows[side] = json.loads(done.stdout.splitlines()[-1])
    base = rows["reference fp32"]
    print(f"{'':16s} {'loaded MiB':>11s} {'peak MiB':>9s} {'of the reference':>17s}   (aim: at most 1.00)")
    for side, row in rows.items():
        print(f"{side:16s} {row['loaded']:11.0f} {row['peak']:9.0f} {row['peak'] / base['peak']:17.2f}")
    save(args.json, args.device, args.quick, slices=slices, rows=rows)


if __name__ == "__main__":
    main()
