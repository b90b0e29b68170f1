"""The properties that MONAI asks of a bundle."""

from monai.bundle import create_workflow


def probe(argument: dict) -> list[str]:
    """Return the properties that the merged ``configs`` lack or misname, as MONAI's ``check_properties`` sees it."""
    workflow = create_workflow(
        config_file=argument["configs"], workflow_type=argument["kind"], logging_file=False, **argument["overrides"]
    )
    return workflow.check_properties()
