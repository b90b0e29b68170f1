"""MONAI finds the properties it asks of a bundle."""

from .subject import CheckFailed, Subject

PATIENTS = 3  # one to train on, one to validate, one to test
WORKFLOWS = {
    "train": ("train", ["train"]),
    "evaluate": ("infer", ["train", "evaluate"]),
    "inference": ("infer", ["inference"]),
}


def check(subject: Subject) -> list[str]:
    """Return the properties that train, evaluate and inference lack or misname."""
    problems = []
    data = subject.data.converted(subject.facts["dataset"], PATIENTS)
    output = subject.folder("properties")
    for name, (kind, files) in WORKFLOWS.items():
        overrides = {"eval_dir": str(output / "eval"), "ckpt_dir": str(output / "models")}
        if name != "inference":
            overrides["dataset_dir"] = str(data)
        configs = [str(subject.config_file(file)) for file in files]
        where = " over ".join(f"configs/{file}.json" for file in reversed(files))
        try:
            missing = subject.probe("properties", configs=configs, kind=kind, overrides=overrides)
        except CheckFailed as error:
            problems.append(f"{where} could not be built: {error}")
            continue
        if missing:
            ids = "the ids are in monai/bundle/properties.py"
            problems.append(f"{where} lacks or misnames the properties {', '.join(missing)}; add them, {ids}")
    return problems
