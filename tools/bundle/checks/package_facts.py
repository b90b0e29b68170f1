"""The versions of packages that metadata.json states."""

from importlib.metadata import PackageNotFoundError, version

from ..metadata_file import read_metadata
from ..required_packages import OWN_FIELDS, pinned_versions, required_packages
from .subject import Subject


def package_problems(subject: Subject) -> list[str]:
    """Return which versions are not those of requirements.txt, or, with a zip only, those this was verified with."""
    facts = subject.facts
    stated = {package: facts[field] for package, field in OWN_FIELDS.items()}
    if subject.source is None:
        stated |= facts["required_packages_version"]
        return [
            f"{package}: metadata.json says {wanted}, verified with {installed(package)}; install {package}=={wanted}"
            for package, wanted in stated.items()
            if installed(package) != wanted
        ]
    pins, problems = pinned_versions(), []
    for package, wanted in stated.items():
        if pins[package] != wanted:
            field = OWN_FIELDS[package]
            problems.append(f"{field} is {wanted}, requirements.txt pins {package}=={pins[package]}; make them equal")
    needed = required_packages(subject.source)
    # of the source: the packed copy has what packing found
    written = read_metadata(subject.source).get("required_packages_version", {})
    for package in sorted(needed.keys() | written.keys()):
        if needed.get(package) != written.get(package):
            found, wanted = written.get(package, "not there"), needed.get(package, "not needed")
            problems.append(
                f"required_packages_version: {package} is {found}, from what is imported it is {wanted}; "
                f"run: python -m tools sync {subject.name}"
            )
    return problems


def installed(package: str) -> str:
    """Return the version of an installed distribution without its local part: 2.13.0 for 2.13.0+cpu."""
    try:
        return version(package).split("+")[0]
    except PackageNotFoundError:
        return "none"
