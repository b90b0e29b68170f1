"""A bundle that changed has another version."""

from ..versions import changelog_problems, version_problems
from .subject import NotApplicable, Subject


def check(subject: Subject) -> list[str]:
    """Return whether the recorded content of the present version is not the present content."""
    if subject.source is None:
        raise NotApplicable("needs the record of versions in the repository")
    if changelog_problems(subject.facts):
        raise NotApplicable("the version in metadata.json must be put right first")
    return version_problems(subject.source)
