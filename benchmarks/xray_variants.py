"""Variants of the X-ray bundle's training, each one change of its default."""

from __future__ import annotations

from typing import Any

# overlay: another configuration file of the bundle; pretraining: epochs of benchmarks/xray_pretraining.py before;
# the rest are overrides of train.json
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "stem alone, no tokens": {
        "network_def": {"_target_": "benchmarks.stem_alone.StemAlone", "stem": "@stem_def", "out_channels": 2}
    },
    "tokens alone": {"pooled_head": False},
    "patches of 8 instead of convolutions": {
        "stem_def": {
            "_target_": "tools.networks.deit_stem.DeiTStem",
            "img_size": "@img_size",
            "patch_size": 8,
            "hidden_size": 192,
            "mlp_dim": 384,
            "num_layers": 6,
            "num_heads": 3,
        }
    },
    "pretrained stem": {"pretraining": 10},
    "one token a side": {"token_grid": [1, 1]},
    "wider stem": {"stem_def#features": [48, 96, 192, 256]},
    "MixUp": {"mixup_alpha": 0.2},
    "weaker contrast and brightness": {
        "gamma_range": [0.7, 1.5],
        "brightness_factor": 0.25,
        "brightness_offset": 0.12,
        "contrast_range": 0.0,
    },
    "strong augmentation": {"overlay": "strong_augmentation"},
    "no average of the weights": {"ema_decay": None},
    "no label smoothing": {"label_smoothing": 0.0},
    "classes as they come": {"balanced_sampling": False},
    "weighted loss instead of sampling": {"balanced_sampling": False, "class_weighting": True},
}
