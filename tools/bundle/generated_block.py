"""Blocks of a Markdown file that are written from the metadata, between two comment lines that a reader does not see.

``<!-- NAME: made from configs/metadata.json -->`` opens the block NAME, ``<!-- end of NAME -->`` closes it.
"""

import re

ANY_BLOCK = re.compile(r"<!-- (\w+): made from configs/metadata\.json -->.*?<!-- end of \1 -->", re.DOTALL)


def block_lines(name: str) -> tuple[str, str]:
    """Return the lines that open and close a block."""
    return f"<!-- {name}: made from configs/metadata.json -->", f"<!-- end of {name} -->"


def with_block(text: str, name: str, content: str) -> str:
    """Return ``text`` with the content of a block replaced.

    Raises:
        ValueError: when the text does not hold the block exactly once, with the lines to add.
    """
    opening, closing = block_lines(name)
    parts = block_pattern(name).split(text)
    if len(parts) != 2:
        raise ValueError(
            f"there must be one block '{name}', found {len(parts) - 1}: put a line '{opening}' and a line '{closing}' "
            "where the table belongs"
        )
    return f"{parts[0]}{opening}\n{content.strip()}\n{closing}{parts[1]}"


def without_blocks(text: str) -> str:
    """Return ``text`` with all blocks taken out, their lines too."""
    return ANY_BLOCK.sub("", text)


def block_pattern(name: str) -> re.Pattern[str]:
    """Return the pattern of a whole block; it ends at the first closing line."""
    opening, closing = map(re.escape, block_lines(name))
    return re.compile(f"{opening}.*?{closing}", re.DOTALL)
