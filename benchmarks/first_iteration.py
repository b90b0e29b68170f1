"""Time from the start of Python to the first training iteration of a tiny bundle, against ``import monai``.

    python -m benchmarks.first_iteration [--quick] [--repeats 7] [--json OUT]

Both sides are whole processes, run in turns; the bundle's one includes its end. The machine's file cache is warm after
the first round, which is not counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from .arguments import parse
from .interleave import compare, interleave, save, show

AIM = 1 / 1.3
NETWORK = {
    "_target_": "tools.networks.aura_vit.AuraViT",
    "img_size": 32,
    "patch_size": 8,
    "hidden_size": 16,
    "mlp_dim": 32,
    "num_layers": 4,
    "num_heads": 2,
    "decoder_channels": [16, 8, 8, 4],
}
CONFIG = {
    "imports": ["$import torch"],
    "network_def": NETWORK,
    "batch": {"image": "$torch.rand(2, 1, 32, 32)", "label": "$torch.ones(2, 1, 32, 32)"},
    "trainer": {
        "_target_": "SupervisedTrainer",
        "device": "$torch.device('cpu')",
        "max_epochs": 1,
        "train_data_loader": "$[@batch]",
        "network": "@network_def",
        "optimizer": {"_target_": "torch.optim.AdamW", "params": "$@network_def.parameters()"},
        "loss_function": {"_target_": "tools.losses.finite_dice_ce.FiniteDiceCELoss"},
        "decollate": False,
    },
    "initialize": [],
    "run": ["$@trainer.run()", "$print('iterations:', @trainer.state.iteration)"],
}


def main() -> None:
    args = parse(__doc__)
    repeats = args.repeats or (2 if args.quick else 7)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "train.json"
        config.write_text(json.dumps(CONFIG))

        def run(*command: str) -> str:
            return subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True).stdout

        def bundle() -> None:
            out = run("-m", "monai.bundle", "run", "--config_file", str(config))
            if "iterations: 1" not in out:
                raise RuntimeError(f"the tiny bundle did not train: {out[-500:]}")

        sides = {"import monai": lambda: run("-c", "import monai"), "first iteration": bundle}
        seconds = interleave(sides, repeats, args.device)
    rows = compare(seconds, {"first iteration": AIM})
    show(f"processes, {repeats} rounds (an aim of {AIM:.2f} is 1.3 times the time of import monai)", rows)
    save(args.json, args.device, args.quick, rows=rows)


if __name__ == "__main__":
    main()
