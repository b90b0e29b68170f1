"""What identifies the content of a bundle, so that a changed bundle with an unchanged version is found."""

import json
from pathlib import Path

from .bundle_roots import METADATA
from .generated_block import without_blocks
from .pack import SUMS, packed_files
from .vendoring import PACKAGE, content_digest

# the two fields that say which version it is, not what it is
VERSION_FIELDS = ("version", "changelog")


def content_hash(bundle: Path, package: Path = PACKAGE) -> str:
    """Return sha256 over all that a packed copy holds but weights, version and changelog, in hexadecimal digits.

    What pages repeat of the metadata does not count either.

    Raises:
        PackError: see `packed_files`.
    """
    files = packed_files(bundle, package)
    facts = json.loads(files.pop(METADATA))
    kept = {key: value for key, value in facts.items() if key not in VERSION_FIELDS}
    del files[SUMS]
    # the list of versions is among the blocks
    pages = {name: without_blocks(data.decode()).encode() for name, data in files.items() if name.endswith(".md")}
    return content_digest({**files, **pages, METADATA: json.dumps(kept, sort_keys=True).encode()})
