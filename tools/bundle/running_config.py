"""The configuration of the bundle workflow that is running now, found from inside one of its components.

A component of a configuration is built by `monai.bundle.ConfigWorkflow`, which does not tell it so. Two of ours must
know: the check of override names and the record of a run. Both run below `ConfigWorkflow` on the call stack, so that is
where to look.
"""

import inspect
from pathlib import Path
from typing import Any

from monai.bundle import ConfigWorkflow
from monai.handlers import CheckpointLoader


def running_workflow() -> ConfigWorkflow | None:
    """Return the workflow on the call stack, or None outside one."""
    frame = inspect.currentframe()
    while frame is not None:
        candidate = frame.f_locals.get("self")
        if isinstance(candidate, ConfigWorkflow):
            return candidate
        frame = frame.f_back
    return None


def running_config() -> dict[str, Any]:
    """Return the merged raw configuration, overrides included and expressions unresolved; empty outside a workflow."""
    workflow = running_workflow()
    if workflow is None:
        return {}
    return {key: value for key, value in workflow.parser.config.items() if key != "_meta_"}


def running_metadata() -> dict[str, Any]:
    """Return the bundle's metadata; empty outside a workflow or without a metadata file."""
    workflow = running_workflow()
    return {} if workflow is None else dict(workflow.parser.config.get("_meta_", {}) or {})


def running_config_folder() -> Path | None:
    """Return the folder of the first configuration file, or None outside a workflow."""
    workflow = running_workflow()
    return None if workflow is None else Path(workflow.config_root_path)


def loads_weights(handlers: str = "train#handlers") -> bool:
    """Whether the running configuration lists MONAI's ``CheckpointLoader`` among its handlers.

    MONAI Label puts one in front of a bundle's handlers: who trains there after each few labels means to go on from the
    weights there are, also when the former run is finished.

    Args:
        handlers: id of the list.
    """
    workflow = running_workflow()
    listed = None if workflow is None else workflow.parser.get(handlers)
    targets = [str(item.get("_target_", "")) for item in listed or [] if isinstance(item, dict)]
    return any(target.rpartition(".")[2] == CheckpointLoader.__name__ for target in targets)
