"""A misspelt override is refused."""

from .subject import Subject

RIGHT, WRONG = "output_dir", "ouput_dir"


def check(subject: Subject) -> list[str]:
    """Return which workflows take a misspelt option, or do not say what was meant."""
    problems = []
    for name in ("train", "inference"):
        argv = ["run", "--config_file", subject.config_file(name), f"--{WRONG}", subject.folder("overrides")]
        done = subject.clean.module("monai.bundle", argv, subject.root.parent)
        if done.code == 0 or WRONG not in done.last_line or f"did you mean '{RIGHT}'" not in done.last_line:
            said = "was accepted" if done.code == 0 else f"ended with '{done.last_line}'"
            fix = 'put {"_target_": "tools.bundle.start.begin"} first in initialize'
            problems.append(f"configs/{name}.json with --{WRONG} {said}, instead of naming '{RIGHT}'; {fix}")
    return problems
