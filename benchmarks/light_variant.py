"""Forward pass of the light AuraViT against the full one: seconds, parameters and operations.

python -m benchmarks.light_variant [--quick] [--network JSON] [--device cuda] [--json OUT]
"""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from tools.networks.aura_vit import AuraViT

from .arguments import half_precision, parse
from .interleave import compare, interleave, save, show

LIGHT = {"hidden_size": 384, "mlp_dim": 1536, "num_heads": 6, "decoder_channels": [128, 64, 32, 16]}
AIM = 5.0


def main() -> None:
    args = parse(__doc__)
    repeats = args.repeats or (2 if args.quick else 9)
    half = half_precision(args.device)
    networks = {"full": AuraViT(), "light": AuraViT(**(args.network or LIGHT))}
    image = torch.rand(1, 1, 256, 256, device=args.device)
    sizes = {}
    for name, network in networks.items():
        network.eval().to(args.device, memory_format=torch.channels_last)
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            network(image)
        sizes[name] = [sum(p.numel() for p in network.parameters()) / 1e6, counter.get_total_flops() / 1e9]
        print(f"{name}: {sizes[name][0]:.1f} M parameters, {sizes[name][1]:.1f} GFLOP a slice of 256x256")

    def forward(name: str, dtype: torch.dtype | None) -> None:
        with torch.inference_mode(), torch.autocast(args.device.type, dtype=dtype, enabled=dtype is not None):
            networks[name](image)

    tables = {}
    for title, dtype in (("fp32", None), ("half", half)):
        sides = {name: lambda name=name, dtype=dtype: forward(name, dtype) for name in networks}
        tables[title] = compare(interleave(sides, repeats, args.device), {"light": AIM})
        show(f"forward, {title}, one slice, {repeats} rounds", tables[title])
    save(args.json, args.device, args.quick, sizes=sizes, rows=tables)


if __name__ == "__main__":
    main()
