"""What several configurations of a bundle all say, they say alike; each of them stands alone."""

import json
from typing import Any

from .subject import Subject

# paths differ by purpose: each workflow writes to its own folder; the memory layout of the network is a matter of speed
MAY_DIFFER = {"output_dir", "initialize", "run", "preprocessing", "network"}
OF_LABELS = {"keys", "mode", "label_key", "label_values", "allow_nonfinite"}
# transforms of the label alone, or that name the output
FOR_OTHERS = (".CaseNamed", ".ClassLabeld")


def check(subject: Subject) -> list[str]:
    """Return what train.json, evaluate.json and inference.json disagree on."""
    train, evaluate, inference = (subject.config(name) for name in ("train", "evaluate", "inference"))
    missing = [
        f"configs/{name}.json has no {key}; give it the steps of an image, in order"
        for name, config, key in (
            ("train", train, "preprocessing_steps"),
            ("evaluate", evaluate, "validate#preprocessing"),
            ("inference", inference, "preprocessing"),
        )
        if key not in config
    ]
    return [*different_values(train, inference), *(missing or different_steps(train, evaluate, inference))]


def different_values(train: dict[str, Any], inference: dict[str, Any]) -> list[str]:
    """Return the names that train.json and inference.json give different values."""
    shared = sorted(set(train) & set(inference) - MAY_DIFFER)
    return [
        f"{name} is {short(train[name])} in train.json and {short(inference[name])} in inference.json; make them equal"
        for name in shared
        if train[name] != inference[name]
    ]


def different_steps(train: dict[str, Any], evaluate: dict[str, Any], inference: dict[str, Any]) -> list[str]:
    """Return where an image goes through other steps in evaluation or inference than in training."""
    expected = image_steps(train["preprocessing_steps"])
    others = {
        "evaluate.json (validate#preprocessing)": same_steps(evaluate["validate#preprocessing"]["transforms"], train),
        "inference.json (preprocessing)": inference["preprocessing"]["transforms"],
    }
    problems = []
    for place, transforms in others.items():
        steps = image_steps(transforms)
        for step in [step for step in [*expected, *steps] if (step in expected) != (step in steps)]:
            side = "train.json (preprocessing_steps)" if step in expected else place
            problems.append(f"only {side} has the step {short(json.loads(step))}; {place} and train.json must agree")
        if sorted(steps) == sorted(expected) and steps != expected:
            problems.append(f"{place} has the steps of train.json in another order; make it the same")
    return problems


def same_steps(transforms: list[dict[str, Any]] | str, train: dict[str, Any]) -> list[dict[str, Any]]:
    """Return transforms, those of train.json where they are named by reference."""
    return train[transforms.removeprefix("@")] if isinstance(transforms, str) else transforms


def image_steps(transforms: list[dict[str, Any]]) -> list[str]:
    """Return transforms without what only concerns labels or the names of files."""
    named = [{"_target_": step} if isinstance(step, str) else step for step in transforms]
    kept = [step for step in named if not step["_target_"].endswith(FOR_OTHERS)]
    of_image = [{key: value for key, value in step.items() if key not in OF_LABELS} for step in kept]
    return [json.dumps(step, sort_keys=True) for step in of_image]


def short(value: Any) -> str:
    """Return a value in one line of bearable length."""
    text = json.dumps(value)
    return text if len(text) <= 120 else text[:117] + "..."
