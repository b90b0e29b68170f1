"""What every workflow does first: refuse misspelt overrides, and make the last line of a failure say what failed."""

import difflib
import json
import re
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

from monai.bundle.utils import DEFAULT_EXP_MGMT_SETTINGS

from .running_config import running_workflow

# what MONAI's own experiment tracking adds to a configuration
TRACKING_KEYS = {key for settings in DEFAULT_EXP_MGMT_SETTINGS.values() for key in settings["configs"]}
REFERENCE = re.compile(r"@([A-Za-z_]\w*)")
BOOLEANS = {"true": True, "false": False}
MOST_USED = {"dataset_dir", "max_epochs", "batch_size", "learning_rate", "output_dir", "ckpt_dir"}
LONGEST_LAST_LINE = 600


def begin() -> None:
    """Check the overrides of the running workflow and install the last-line report.

    ``--resume false`` reaches a configuration as the text "false", which counts as true: such texts become booleans.

    The first item of ``initialize`` in every configuration.

    Raises:
        ValueError: when a top-level override is not a name of this bundle's configurations.
    """
    sys.excepthook = report_root_cause
    workflow = running_workflow()
    if workflow is None:
        return
    folder = Path(workflow.config_root_path)
    known = known_names(folder, workflow.parser.config)
    check_names(set(workflow.parser.config) - {"_meta_"}, known)
    for name, value in list(workflow.parser.config.items()):
        if isinstance(value, str) and value.lower() in BOOLEANS:
            workflow.parser[name] = BOOLEANS[value.lower()]


def known_names(folder: Path, config: dict[str, Any]) -> set[str]:
    """Return every top-level name that the bundle's configurations define or refer to."""
    names = set(TRACKING_KEYS)
    for path in sorted(folder.glob("*.json")):
        if path.name != "metadata.json":
            names |= {key.removeprefix("+") for key in json.loads(path.read_text(encoding="utf-8"))}
    return names | set(REFERENCE.findall(json.dumps(config, default=str)))


def check_names(given: set[str], known: set[str]) -> None:
    """Refuse names that are not known, all of them at once, each with the nearest name that is."""
    unknown = sorted(given - known)
    if not unknown:
        return
    hints = []
    for name in unknown:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        hints.append(f"'{name}'" + (f" (did you mean '{near[0]}'?)" if near else ""))
    raise ValueError(
        f"unknown override: {', '.join(hints)}. An override must be a name of this bundle's configs/*.json; "
        f"the ones most used are: {', '.join(sorted(known & MOST_USED))}."
    )


def root_cause(error: BaseException) -> BaseException:
    """Follow causes and contexts down to the first error of the chain."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        below = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if below is None:
            break
        error = below
    return error


def report_root_cause(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback as usual, then the root cause as one last line."""
    traceback.print_exception(kind, error, trace)
    cause = root_cause(error)
    text = " ".join(str(cause).split()) or "no message"
    if len(text) > LONGEST_LAST_LINE:
        text = text[:LONGEST_LAST_LINE] + " ..."
    print(f"\nerror: {type(cause).__name__}: {text}", file=sys.stderr)
