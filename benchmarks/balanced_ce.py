"""Balanced cross-entropy of a batch at once, against a loop over its images and classes.

    python -m benchmarks.balanced_ce [--quick] [--batch 4] [--size 512] [--device cuda] [--json OUT]

Forward and backward. The loop is the formula as one writes it first: for each image the mean cross-entropy within each
class that is there, then the mean over those. Before timing, values and gradients are compared (at most 1e-6).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from tools.losses.balanced_ce import BalancedCELoss

from .arguments import parse
from .interleave import compare, interleave, save, show

AIMS = {"cpu": {"vectorised": 1.0}, "cuda": {"vectorised": 2.0}}
TARGET_SHARE = 0.0036  # of the pixels of a slice
CALLS = 10  # a round: the clock of CPU time ticks in hundredths of a second


def loop(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The formula, image by image and class by class."""
    of_images = []
    for columns, numbers in zip(logits, target[:, 0].long(), strict=True):
        entropy = F.cross_entropy(columns[None], numbers[None], reduction="none")[0]
        of_classes = []
        for number in range(len(columns)):
            mask = numbers == number
            if mask.any():
                of_classes.append(entropy[mask].mean())
        of_images.append(torch.stack(of_classes).mean())
    return torch.stack(of_images).mean()


def step(loss, logits: torch.Tensor, target: torch.Tensor) -> tuple[float, torch.Tensor]:
    """Value and gradient; the value is read once, as a guard does."""
    leaf = logits.detach().requires_grad_()
    value = loss(leaf, target)
    value.backward()
    return value.item(), leaf.grad


def main() -> None:
    def extend(parser) -> None:
        parser.add_argument("--batch", type=int, default=4, help="slices a step")
        parser.add_argument("--size", type=int, help="pixels along each axis; default 512")

    args = parse(__doc__, extend)
    size = args.size or (256 if args.quick else 512)
    repeats = args.repeats or (2 if args.quick else 9)
    torch.manual_seed(0)
    logits = torch.randn(args.batch, 2, size, size, device=args.device)
    target = (torch.rand(args.batch, 1, size, size, device=args.device) < TARGET_SHARE).float()
    target[-1] = 0  # a slice without tumour
    vectorised = BalancedCELoss()
    (value, gradient), (other, expected) = step(vectorised, logits, target), step(loop, logits, target)
    value_gap, gradient_gap = abs(value - other), (gradient - expected).abs().max().item()
    print(f"largest difference: value {value_gap:.1e}, gradient {gradient_gap:.1e} (at most 1e-6)")
    sides = {
        "loop": lambda: [step(loop, logits, target) for _ in range(CALLS)],
        "vectorised": lambda: [step(vectorised, logits, target) for _ in range(CALLS)],
    }
    rows = compare(interleave(sides, repeats, args.device), AIMS[args.device.type])
    show(f"balanced cross-entropy, batch {args.batch}, {size} x {size}, {repeats} rounds of {CALLS} calls", rows)
    save(args.json, args.device, args.quick, batch=args.batch, size=size, rows=rows,
         differences={"value": value_gap, "gradient": gradient_gap})  # fmt: skip


if __name__ == "__main__":
    main()
