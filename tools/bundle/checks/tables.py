"""What is generated from metadata is what `sync` would write now."""

from ..sync import stale
from .subject import NotApplicable, Subject


def check(subject: Subject) -> list[str]:
    """Return what `sync` would change."""
    if subject.source is None:
        raise NotApplicable("needs the bundle's source in the repository")
    return stale(subject.source)
