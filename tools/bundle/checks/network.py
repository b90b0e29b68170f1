"""MONAI's own check of what goes into the network and what comes out."""

from .subject import Subject


def check(subject: Subject) -> list[str]:
    """Return what `verify_net_in_out` says, called as Model Zoo's tests call it."""
    argv = ["verify_net_in_out", "--net_id", "network_def", "--meta_file", subject.config_file("metadata")]
    argv += ["--config_file", subject.config_file("inference"), "--bundle_root", subject.root]
    done = subject.clean.module("monai.bundle", argv, subject.elsewhere)
    if done.code == 0:
        return []
    fix = "correct network_data_format in metadata.json, or network_def"
    return [f"python -m monai.bundle verify_net_in_out: {done.last_line}; {fix}"]
