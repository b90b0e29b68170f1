"""What kind of answer a bundle gives, as its metadata say."""

from collections.abc import Mapping
from typing import Any

CLASSES = "classes"


def classifies(facts: Mapping[str, Any]) -> bool:
    """Whether a bundle answers with probabilities of classes instead of masks: the format of its output is classes."""
    outputs = (facts.get("network_data_format") or {}).get("outputs") or {}
    return any(output.get("format") == CLASSES for output in outputs.values())
