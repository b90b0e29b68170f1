"""The properties that MONAI asks of a bundle."""

from monai.bundle import create_workflow
from monai.utils import BundleProperty, BundlePropertyConfig


def probe(argument: dict) -> list[str]:
    """Return the properties that the merged ``configs`` lack or misname, as MONAI's ``check_properties`` sees it.

    MONAI's function ends with a KeyError at the first required property without an id; here they are all named.
    """
    workflow = create_workflow(
        config_file=argument["configs"], workflow_type=argument["kind"], logging_file=False, **argument["overrides"]
    )
    required = {name: entry for name, entry in workflow.properties.items() if entry.get(BundleProperty.REQUIRED)}
    missing = [name for name, entry in required.items() if entry[BundlePropertyConfig.ID] not in workflow.parser]
    return missing or workflow.check_properties()
