"""The packages that a bundle needs beside torch, monai and numpy, at the versions of requirements.txt.

Read from what the vendored modules import, from the ``_target_`` and ``$import`` entries of the configurations, and
from what MONAI itself imports late for the components that they name.
"""

import ast
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .bundle_roots import command_roots, read_facts
from .collection import REPOSITORY
from .import_names import MONAI_BUNDLE, distribution, imported_late
from .pack_error import PackError
from .packed_config import config_roots, read_configs, strings
from .vendoring import PACKAGE, absolute_imports, runtime_nodes, vendored_modules

REQUIREMENTS = REPOSITORY / "requirements.txt"
# metadata has fields of their own for these
OWN_FIELDS = {"torch": "pytorch_version", "monai": "monai_version", "numpy": "numpy_version"}


def required_packages(bundle: Path, package: Path = PACKAGE) -> dict[str, str]:
    """Return distribution -> version of what a bundle needs beside torch, monai and numpy.

    Raises:
        PackError: a configuration or module that `packed_files` would refuse; files and documents are not looked at.
    """
    configs = read_configs(bundle)
    roots = config_roots(configs, package) | command_roots(read_facts(bundle))
    return required_versions(vendored_modules(roots, package), configs)


def required_versions(modules: Mapping[str, bytes], configs: Mapping[str, Any]) -> dict[str, str]:
    """Return distribution -> version of what modules and configurations need, in the order of requirements.txt.

    Args:
        modules: vendored files, as `vendored_modules` returns them.
        configs: configurations, as `read_configs` returns them.

    Raises:
        PackError: something is imported that no line of requirements.txt provides; all of them at once.
    """
    pins = pinned_versions()
    needed = dict.fromkeys(sorted(MONAI_BUNDLE), "monai.bundle")
    for name, source in modules.items():
        needed |= dict.fromkeys(_of_module(source), name)
    for name, config in configs.items():
        needed |= dict.fromkeys(_of_config(config), f"configs/{name}")
    missing = sorted(set(needed) - set(pins))
    if missing:
        raise PackError(f"{needed[name]} needs {name}, which has no exact pin in requirements.txt" for name in missing)
    return {name: version for name, version in pins.items() if name in needed and name not in OWN_FIELDS}


def pinned_versions(path: Path = REQUIREMENTS) -> dict[str, str]:
    """Return distribution -> version of the exact pins of a requirements file, in its order."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found = (re.match(r"([A-Za-z0-9._-]+)==([^\s;#]+)", line) for line in lines)
    return {distribution(match[1]): match[2] for match in found if match}


def _of_module(source: bytes) -> set[str]:
    """Return the distributions that a module imports, and those that MONAI imports for what it imports from there."""
    found = set()
    for node in runtime_nodes(ast.parse(source)):
        found |= {name.split(".")[0] for name in absolute_imports(node)}
        if isinstance(node, ast.ImportFrom) and not node.level:
            found |= {late for alias in node.names for late in imported_late(alias.name)}
    return _distributions(found)


def _of_config(config: Any) -> set[str]:
    """Return the distributions behind the ``_target_`` and import entries of a configuration."""
    found = set()
    for place, value in strings(config):
        if value.startswith("$import ") or value.startswith("$from "):
            found |= _of_module(value[1:].encode())
        elif place.endswith("_target_") and not value.startswith("$"):
            *module, name = value.split(".")
            found |= _distributions({*module[:1], *imported_late(name)})
    return found


def _distributions(names: set[str]) -> set[str]:
    inside = {*sys.stdlib_module_names, "tools"}
    return {distribution(name) for name in names if name not in inside}
