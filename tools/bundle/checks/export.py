"""MONAI's own export commands work from inside the bundle."""

import json
import zipfile
from pathlib import Path

from .subject import NotApplicable, Subject

COMMANDS = {"ckpt_export": ("torchscript", "model.ts"), "onnx_export": ("onnx", "model.onnx")}


def check(subject: Subject) -> list[str]:
    """Return which of `ckpt_export` and `onnx_export` fails or leaves a file that cannot be used.

    ONNX files are given to onnx's own checker; that they compute the same as the network is the check `onnx`.
    """
    exempt, problems = subject.facts.get("verification", {}), []
    wanted = {command: (form, name) for command, (form, name) in COMMANDS.items() if not exempt.get(form)}
    if not wanted:
        raise NotApplicable(f"exempt: {'; '.join(exempt[form] for form, _ in COMMANDS.values())}")
    for command, (form, name) in wanted.items():
        file = subject.folder("export") / name
        argv = [command, "--net_id", "network_def", "--filepath", file, "--ckpt_file", "models/model.pt"]
        argv += ["--meta_file", "configs/metadata.json", "--config_file", "configs/inference.json"]
        done = subject.clean.module("monai.bundle", argv, subject.root)
        call = f"python -m monai.bundle {command} from inside the bundle"
        if done.code:
            problems.append(f"{call}: {done.last_line}; network_def must be built and run without a workflow around it")
        elif not file.is_file() or not file.stat().st_size:
            problems.append(f"{call} wrote no {name}; run it there to see why")
        elif form == "torchscript" and exported_version(file) != subject.facts["version"]:
            problems.append(f"{call}: the metadata in {name} are not the bundle's; see configs/metadata.json")
        elif form == "onnx" and (said := subject.probe("onnx_file", file=file)):
            problems.append(f"{call}: onnx.checker refuses {name}, {said}; see what forward does that ONNX has not")
        file.unlink(missing_ok=True)
    return problems


def exported_version(file: Path) -> str | None:
    """Return the version in the metadata that MONAI stores beside the weights of a TorchScript file."""
    with zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if name.endswith("/extra/metadata.json")]
        return json.loads(archive.read(names[0])).get("version") if names else None
