"""The documents of a bundle, written for its packed copy: commands are given from inside its folder."""

import re
from collections.abc import Collection, Mapping
from posixpath import dirname, join, normpath
from typing import Any

from .packed_config import SOURCE_NAME
from .required_packages import OWN_FIELDS

COMMAND = re.compile(rf"python3? -m {SOURCE_NAME}\b( (\w+))?")
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
NOTE = """
> **Packed copy.** Give the commands of this page from inside the folder that holds `configs`. It needs Python 3.11 or
> newer and these packages, no others:
>
>     pip install {packages}
"""
DOWNLOAD = """>
> Weights that are not in `models`: `python -m monai.bundle download_large_files --bundle_path .`
"""


def is_page(name: str) -> bool:
    """Return whether a file of a bundle is a page that people read."""
    return name.endswith((".md", ".txt"))


def packed_text(text: str, vendor: str, bundle: str) -> str:
    """Return a text whose commands work from inside the packed folder."""
    text = re.sub(rf"(python3? -m ){SOURCE_NAME}\b", rf"\g<1>{vendor}", text)
    text = re.sub(rf"\bbundles/{bundle}/(?=\w)", "", text)
    return re.sub(rf"\bbundles/{bundle}\b/?", ".", text)


def with_note(text: str, metadata: Mapping[str, Any], download: bool) -> str:
    """Put below the title of a page how to use a packed copy, with what to install."""
    own = {package: metadata[field] for package, field in OWN_FIELDS.items()}
    packages = {**own, **metadata["required_packages_version"]}
    note = NOTE.format(packages=" ".join(f"{name}=={version}" for name, version in packages.items()))
    title, _, rest = text.partition("\n")
    return f"{title}\n{note}{DOWNLOAD if download else ''}{rest}"


def doc_reasons(name: str, text: str, bundle: str, commands: Collection[str], files: Collection[str]) -> list[str]:
    """Return what a page says that would be wrong in the packed copy.

    Args:
        name: of the page, relative to the bundle.
        text: of the page in the source tree.
        bundle: name of the bundle.
        commands: those that the packed copy has.
        files: those that the packed copy has.
    """
    reasons = []
    for match in COMMAND.finditer(text):
        if match[2] not in commands:
            reasons.append(
                f"{name}: `{match[0]}` does not work in a packed copy, which has {', '.join(sorted(commands))}; "
                "describe it in words or in the collection's README"
            )
    for other in sorted(set(re.findall(r"\bbundles/(\w+)", text)) - {bundle}):
        reasons.append(f"{name}: bundles/{other} is not in a packed copy")
    for link in LINK.findall(text):
        if normpath(join(dirname(name), link)) not in files:
            reasons.append(f"{name}: links to {link}, which is not in a packed copy; give the full address")
    return reasons
