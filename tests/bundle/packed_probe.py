"""What a packed bundle does in a clean process: run as a script, ``python -I packed_probe.py FUNCTION ARGUMENTS``.

Each function prints its answer as the last line, in JSON.
"""

import json
import os
import socket
import sys
from pathlib import Path

import monai.bundle
import torch
from monai.bundle import create_workflow, load

META = "configs/metadata.json"


def forget() -> None:
    """Undo what an earlier step left, so that each one stands for itself."""
    for name in [name for name in sys.modules if name.startswith("aura_tools_")]:
        del sys.modules[name]
    sys.path[:] = [place for place in sys.path if not Path(place, "configs").is_dir()]
    assert "tools" not in sys.modules


def workflows(bundle: str) -> dict:
    """Train, evaluate and segment from inside the folder, as `python -m monai.bundle run` does."""
    os.chdir(bundle)
    quick = {"max_epochs": 1, "slices_per_volume": 2}
    answer = {}
    monai.bundle.run(config_file=["configs/train.json"], output_dir="out/train", **quick)
    monai.bundle.run(config_file=["configs/train.json", "configs/evaluate.json"], output_dir="out/evaluate")
    data = str(next(Path("eval/phantom_data").glob("*/nifti/images")))
    monai.bundle.run(config_file="configs/inference.json", dataset_dir=data, output_dir="out/inference")
    for name in ("train", "evaluate", "inference"):
        answer[name] = json.loads(Path("out", name, "summary.json").read_text())
    answer["masks"] = len(list(Path("out/inference").rglob("*_seg.nii.gz")))
    answer["scans"] = len(list(Path(data).iterdir()))
    # last: Ignite does not forget that it was distributed
    return {**answer, "multi": _several_processes(quick)}


def _several_processes(quick: dict) -> dict:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    places = {"MASTER_ADDR": "localhost", "MASTER_PORT": port, "RANK": 0, "LOCAL_RANK": 0, "WORLD_SIZE": 1}
    os.environ.update({name: str(value) for name, value in places.items()})
    files = ["configs/train.json", "configs/multi_gpu_train.json"]
    monai.bundle.run(config_file=files, output_dir="out/multi", ckpt_dir="out/multi", **quick)
    return json.loads(Path("out/multi/summary.json").read_text())


def places(bundle: str, elsewhere: str) -> dict:
    """Say which class the network is of, however and from wherever it is asked for."""
    folder = Path(bundle)
    config = str(folder / "configs" / "inference.json")
    answer = {}
    for name, place in (("elsewhere", Path(elsewhere)), ("parent", folder.parent), ("inside", folder)):
        os.chdir(place)
        forget()
        answer[f"load {name}"] = type(load(folder.name, bundle_dir=str(folder.parent))).__module__
        forget()
        workflow = create_workflow(config_file=config, workflow_type="infer")
        answer[f"workflow {name}"] = type(workflow.network_def).__module__
        # what does not run a workflow finds the folder by its name, or is told
        files, root = _relative(folder, place)
        forget()
        monai.bundle.verify_net_in_out("network_def", meta_file=files[0], config_file=files[1], **root)
        answer[f"verified {name}"] = next(module for module in sys.modules if module.endswith("aura_vit"))
        forget()
        _export(files, str(Path(elsewhere, f"{name}.ts")), root)
        answer[f"exported {name}"] = bool(torch.jit.load(Path(elsewhere, f"{name}.ts")))
    for overlay in ("light", "demo"):
        forget()
        files = [config, str(folder / "configs" / f"{overlay}.json")]
        workflow = create_workflow(config_file=files, workflow_type="infer")
        answer[overlay] = type(workflow.network_def).__module__
    return answer


def _relative(folder: Path, place: Path) -> tuple[list[str], dict]:
    names = ["configs/metadata.json", "configs/inference.json"]
    if place == folder:
        return names, {}
    if place == folder.parent:
        return [f"{folder.name}/{name}" for name in names], {}
    return [str(folder / name) for name in names], {"bundle_root": str(folder)}


def _export(files: list[str], target: str, root: dict) -> None:
    weights = str(Path(files[1]).parents[1] / "models" / "model.pt")
    options = {"ckpt_file": weights, "meta_file": files[0], "config_file": files[1], **root}
    monai.bundle.ckpt_export("network_def", filepath=target, **options)


def two(first: str, second: str, elsewhere: str) -> dict:
    """Load two versions of one bundle, one after the other and again, in one process."""
    os.chdir(elsewhere)
    folders = [Path(first), Path(second), Path(first)]
    networks = [load(folder.name, bundle_dir=str(folder.parent)) for folder in folders]
    return {
        "modules": [type(network).__module__ for network in networks],
        "files": [sys.modules[type(network).__module__].__file__ for network in networks],
        "marks": [getattr(type(network), "MARK", None) for network in networks],
    }


def refusals(bundle: str, elsewhere: str) -> dict:
    """Return the messages of what must be refused."""
    os.chdir(bundle)
    answer = {"override": _message(config_file="configs/train.json", batch_sise=2)}
    answer["data"] = _message(config_file="configs/train.json", dataset_dir="nowhere")
    answer["nothing"] = _message(config_file="configs/inference.json")
    os.chdir(elsewhere)
    forget()
    config = str(Path(bundle, "configs", "inference.json"))
    answer["root"] = _message(config_file=config, bundle_root="wrong")
    return answer


def _message(**options: str) -> str:
    try:
        monai.bundle.run(**options)
    except Exception as error:  # whatever it is, its root cause is what a user reads
        while error.__cause__ or error.__context__:
            error = error.__cause__ or error.__context__
        return str(error)
    return "accepted"


if __name__ == "__main__":
    print("\n" + json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
