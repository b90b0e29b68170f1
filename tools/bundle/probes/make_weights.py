"""Write the weights of a freshly initialised network."""

import torch
from monai.bundle import create_workflow


def probe(argument: dict) -> None:
    """Save ``network_def`` of the configuration ``config`` as the state dictionary ``file``."""
    torch.manual_seed(0)
    workflow = create_workflow(config_file=argument["config"], workflow_type="infer", logging_file=False)
    torch.save(workflow.network_def.state_dict(), argument["file"])
