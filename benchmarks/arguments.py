"""The arguments that all benchmarks share."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch


def parse(description: str, extend=None) -> argparse.Namespace:
    """Read the command line; ``extend(parser)`` adds what one benchmark needs."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--device", default="cpu", type=torch.device, help="cpu or cuda")
    parser.add_argument("--quick", action="store_true", help="a short run to see that it works; not a measurement")
    parser.add_argument("--repeats", type=int, help="rounds of every side")
    parser.add_argument("--threads", type=int, help="CPU threads; default: all")
    parser.add_argument(
        "--network", type=json.loads, default={}, help='JSON of AuraViT arguments: {"hidden_size": 384}'
    )
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    if extend:
        extend(parser)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.quick:
        print("QUICK: few repeats and little data; shows that the benchmark runs, the ratios are rough.")
    return args


def half_precision(device: torch.device) -> torch.dtype:
    """bfloat16 on a CPU, float16 on CUDA: what training and inference use there."""
    return torch.float16 if device.type == "cuda" else torch.bfloat16
