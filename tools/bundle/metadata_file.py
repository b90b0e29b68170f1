"""Reading a bundle's metadata.json, and changing single facts in its text without touching how the rest is laid out."""

import json
import re
from pathlib import Path
from typing import Any

METADATA = Path("configs", "metadata.json")
SPACE = re.compile(r"[ \t\n\r]*")
COLON = re.compile(r"[ \t\n\r]*:[ \t\n\r]*")


def read_metadata(bundle: Path) -> dict[str, Any]:
    """Return the facts of a bundle.

    Raises:
        ValueError: when the file is not JSON with an object in it.
    """
    file = bundle / METADATA
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} is not JSON: {error}") from error
    if not isinstance(facts, dict):
        raise ValueError(f"{file} must hold an object, it holds a {type(facts).__name__}")
    return facts


def with_facts(text: str, **facts: Any) -> str:
    """Return the text of a metadata.json with some of its facts replaced.

    Raises:
        ValueError: for a fact that is not in the text.
    """
    for key, value in facts.items():
        begin, end = member_span(text, key)
        if json.loads(text[begin:end]) != value or list(keys(json.loads(text[begin:end]))) != list(keys(value)):
            written = json.dumps(value, indent=4, ensure_ascii=False).replace("\n", "\n    ")
            text = text[:begin] + written + text[end:]
    return text


def keys(value: Any) -> list[str]:
    """Return the keys of an object in their order; none for anything else."""
    return list(value) if isinstance(value, dict) else []


def member_span(text: str, key: str) -> tuple[int, int]:
    """Return where the value of a top-level key begins and ends."""
    decoder = json.JSONDecoder()
    place = SPACE.match(text).end() + 1  # behind the opening brace
    while True:
        place = SPACE.match(text, place).end()
        if text[place] == "}":
            raise ValueError(f"the metadata has no '{key}'; add it")
        name, place = decoder.raw_decode(text, place)
        begin = COLON.match(text, place).end()
        _, end = decoder.raw_decode(text, begin)
        if name == key:
            return begin, end
        place = SPACE.match(text, end).end()
        place += text[place] == ","
