"""Time several ways of doing one thing in turns, in one process, and compare them pair by pair."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch


def cpu_seconds() -> float:
    """CPU time of this process and of the children it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def wait(device: torch.device) -> None:
    """Wait until the device has finished what was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def interleave(
    sides: dict[str, Callable[[], object]], repeats: int, device: torch.device, warmup: int = 1
) -> dict[str, list[tuple[float, float]]]:
    """Run every side ``repeats`` times in turns, each round beginning with another; return seconds of (wall, CPU)."""
    names = list(sides)
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for round_number in range(-warmup, repeats):
        turn = round_number % len(names)
        for name in names[turn:] + names[:turn]:
            wait(device)
            begin, cpu_begin = time.perf_counter(), cpu_seconds()
            sides[name]()
            wait(device)
            if round_number >= 0:
                seconds[name].append((time.perf_counter() - begin, cpu_seconds() - cpu_begin))
    return seconds


def compare(seconds: dict[str, list[tuple[float, float]]], aims: dict[str, float] | None = None) -> list[dict]:
    """Ratios of the first side's time to each side's, round by round: median, least and greatest."""
    base = list(zip(*next(iter(seconds.values())), strict=True))  # wall, CPU
    rows = []
    for name, pairs in seconds.items():
        times, cpu_times = zip(*pairs, strict=True)
        ratios = sorted(first / other for first, other in zip(base[0], times, strict=True))
        cpu_ratios = [first / other for first, other in zip(base[1], cpu_times, strict=True)]
        row = {
            "side": name,
            "median_s": statistics.median(times),
            "min_s": min(times),
            "max_s": max(times),
            "ratio": statistics.median(ratios),
            "ratio_min": ratios[0],
            "ratio_max": ratios[-1],
            "cpu_ratio": statistics.median(cpu_ratios),
            "aim": (aims or {}).get(name),
        }
        rows.append(row)
    return rows


def show(title: str, rows: list[dict]) -> None:
    """Print the comparison as a table."""
    print(f"\n{title}")
    heads = f"{'times faster':>13s} {'min..max':>13s} {'by CPU time':>12s} {'aim':>6s}"
    print(f"{'':24s} {'median s':>9s} {'min..max':>17s} {heads}")
    for row in rows:
        spread = f"{row['min_s']:.3f}..{row['max_s']:.3f}"
        ratios = f"{row['ratio_min']:.2f}..{row['ratio_max']:.2f}"
        aim = "" if row["aim"] is None else f"{row['aim']:.2f}"
        numbers = f"{row['median_s']:9.3f} {spread:>17s} {row['ratio']:13.2f} {ratios:>13s} {row['cpu_ratio']:12.2f}"
        print(f"{row['side']:24s} {numbers} {aim:>6s}")


def machine(device: torch.device) -> dict:
    """Where the numbers come from."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return {"device": name, "threads": torch.get_num_threads(), "torch": torch.__version__}


def save(path: Path | None, device: torch.device, quick: bool, **content: object) -> None:
    """Write the result as JSON, when asked to."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"machine": machine(device), "quick": quick, **content}, indent=2) + "\n")
        print(f"written to {path}")
