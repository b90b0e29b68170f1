"""What other programs read out of the name of a bundle."""

import re

# the words MONAI Label looks for, in its order; without one of them a bundle is a segmentation
LABEL_WORDS = ("deepedit", "deepgrow", "detection", "segmentation", "classification")
# monai.bundle splits NAME_vX.Y.Z at this expression to list versions
VERSION_MARK = re.compile(r"_v\d*.")


def label_task(name: str) -> str:
    """Return the task that MONAI Label reads from the name of a bundle."""
    return next((word for word in LABEL_WORDS if word in name), "segmentation")


def hidden_from_listing(name: str) -> bool:
    """Return whether MONAI's listing functions would take the name of a bundle apart in the wrong place."""
    return VERSION_MARK.split(f"{name}_v1.0.0")[0] != name


def name_notes(name: str) -> list[str]:
    """Return what the owner of a name should know, one line each."""
    notes = [f"MONAI Label takes '{name}' for a {label_task(name)}"]
    if hidden_from_listing(name):
        notes.append(
            f"MONAI finds no versions of '{name}' because of '_v' in it: `monai.bundle download` needs --version"
        )
    return notes
