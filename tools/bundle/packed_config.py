"""The configurations of a bundle, written for its packed copy.

Every ``_target_`` in this package gets the name of the vendored copy and requires ``@search_path``, which puts the
bundle's own folder on ``sys.path``; ``bundle_root`` finds that folder.
"""

import ast
import difflib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .pack_error import PackError
from .vendoring import PACKAGE, defined_names, module_path

SOURCE_NAME = "tools"
BARE_NAME = re.compile(rf"(?<![\w.@]){SOURCE_NAME}(?![\w-])")
ABSOLUTE = re.compile(r"/.|~|\\\\|[A-Za-z]:[/\\]|file:")
# a step upwards anywhere, an absolute path as a value; for those within an expression see `first_texts`
OUTSIDE = re.compile(rf"(^|[/\\'\"])\.\.([/\\'\"]|$)|^({ABSOLUTE.pattern}|/$)")
REFERENCE = re.compile(r"@+#*\w+((#|::)\w+)*")
LEAVES = "leaves the bundle's folder; paths start at @bundle_root"
TEXT_METHODS = {"endswith", "removeprefix", "removesuffix", "replace", "split", "startswith", "strip"}
# under a key of its own: an overlay replaces the list `imports` as a whole
IMPORTS = ["$import inspect", "$import os", "$import sys"]
RUNNING = (
    "(os.path.dirname(os.path.abspath(frame.frame.f_locals['self'].config_root_path)) for frame in inspect.stack(0) "
    "if 'config_root_path' in getattr(frame.frame.f_locals.get('self'), '__dict__', ()))"
)
ROOT = (
    "$next((root for root in [*{running}, '.', '{bundle}'] "
    "if os.path.isdir(os.path.join(root, '{vendor}'))), '{bundle}')"
)
SEARCH = (
    "$[sys.path.append(root) for root in [os.path.abspath(@bundle_root)] "
    "if (os.path.isdir(os.path.join(root, '{vendor}')) or (_ for _ in ()).throw(FileNotFoundError("
    "'bundle_root ' + root + ' holds no {vendor}: run from inside the folder of {bundle} or from its parent, or pass "
    "--bundle_root with that folder'))) and root not in sys.path]"
)


def read_configs(bundle: Path) -> dict[str, dict[str, Any]]:
    """Return the configurations of a bundle by file name, metadata apart.

    Raises:
        PackError: files that are not valid JSON or hold no dictionary.
    """
    configs, reasons = {}, []
    for path in sorted((bundle / "configs").glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            reasons.append(f"configs/{path.name}: not valid JSON ({error})")
            continue
        if not isinstance(content, dict):
            reasons.append(f"configs/{path.name}: must hold a dictionary, got {type(content).__name__}")
        elif path.name != "metadata.json":
            configs[path.name] = content
    if reasons:
        raise PackError(reasons)
    return configs


def config_roots(configs: dict[str, dict[str, Any]], package: Path = PACKAGE) -> set[str]:
    """Return the modules of the package, by dotted name without its own, that configurations name.

    Raises:
        PackError: a module or name that is not there, the package used in another way than as ``_target_``, a macro
            of another file, a path out of the bundle; all of them at once.
    """
    roots, reasons = set(), []
    for name, config in configs.items():
        for place, value in strings(config):
            where = f"configs/{name}, {place}"
            try:
                if place.endswith("_target_") and value.split(".")[0] == SOURCE_NAME:
                    roots.add(target_module(value, package))
                    continue
            except PackError as error:
                reasons += [f"{where}: {reason}" for reason in error.reasons]
                continue
            reasons += [f"{where}: {reason}" for reason in string_reasons(value)]
        reasons += [f"configs/{name}: the name '{key}' is used by packing" for key in {"search_path"} & set(config)]
    if reasons:
        raise PackError(reasons)
    return roots


def target_module(target: str, package: Path = PACKAGE) -> str:
    """Return the dotted name of the module, without the package's, that defines a ``_target_``.

    Raises:
        PackError: the module is not there, or does not define the name; says what comes nearest.
    """
    parts = target.split(".")[1:]
    module: list[str] = []
    while len(module) < len(parts) and module_path(".".join(parts[: len(module) + 1]), package):
        module.append(parts[len(module)])
    path = module_path(".".join(module), package)
    if path is None or len(module) == len(parts):
        raise PackError([f"{target} must name a class or function of a module of {SOURCE_NAME}"])
    wanted = parts[len(module)]
    folder = path.name == "__init__.py"
    there = {entry.stem for entry in path.parent.iterdir()} if folder else defined_names(path.read_bytes())
    if wanted in there and not folder:
        return ".".join(module)
    near = difflib.get_close_matches(wanted, there, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    what = "there is no module" if folder else f"{'.'.join([SOURCE_NAME, *module])} defines no"
    name = ".".join([SOURCE_NAME, *module, wanted]) if folder else wanted
    raise PackError([f"{target}: {what} {name}{hint}"])


def string_reasons(value: str) -> list[str]:
    """Return what is wrong with a string of a configuration that is no ``_target_``."""
    short = value if len(value) <= 80 else value[:77] + "..."
    reasons = []
    if BARE_NAME.search(value):
        reasons.append(f"'{short}' uses {SOURCE_NAME} by name; name what it needs with a _target_ (_mode_: callable)")
    if value.startswith("%") and re.search(r"\.(json|ya?ml)", value):
        reasons.append(f"'{short}' takes from another file, which depends on the current folder; write it out")
    if OUTSIDE.search(value):
        reasons.append(f"'{short}' {LEAVES}")
    if value.startswith("$"):
        reasons += expression_reasons(value[1:], short)
    return reasons


def expression_reasons(text: str, short: str) -> list[str]:
    """Return what is wrong with the Python of a ``$`` expression."""
    try:
        tree = ast.parse(REFERENCE.sub("_", text).strip())
    except (SyntaxError, ValueError) as error:
        return [f"'{short}' is not valid Python ({error.args[0]})"]
    return [f"'{short}' {LEAVES}"] if any(map(ABSOLUTE.match, first_texts(tree))) else []


def first_texts(node: ast.AST) -> Iterator[str]:
    """Yield the texts of an expression, without those that go on from another: added to it, or of its methods."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for child in ast.iter_child_nodes(node):
        added = isinstance(node, ast.BinOp) and child is node.right
        later = isinstance(node, ast.JoinedStr) and child is not node.values[0]
        method = isinstance(node, ast.Call) and getattr(node.func, "attr", "") in TEXT_METHODS and child in node.args
        if not (added or later or method):
            yield from first_texts(child)


def packed_config(config: dict[str, Any], vendor: str, bundle: str) -> dict[str, Any]:
    """Return a configuration for the packed copy.

    Args:
        config: as in the source tree.
        vendor: name of the vendored package.
        bundle: name of the bundle's folder.
    """
    packed = _rename(config, vendor)
    if "bundle_root" not in packed:
        return packed
    names = {"vendor": vendor, "bundle": bundle}
    extra = {"bundle_root": ROOT.format(running=RUNNING, **names), "search_path": SEARCH.format(**names)}
    rest = {key: value for key, value in packed.items() if key != "bundle_root"}
    return {"packed_imports": IMPORTS, **extra, **rest}


def strings(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield every string of a configuration, keys too, with the id of its place."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, (dict, list)):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            below = f"{place}#{key}" if place else str(key)
            if isinstance(key, str):
                yield f"{below} (name)", key
            yield from strings(part, below)


def _rename(value: Any, vendor: str) -> Any:
    if isinstance(value, list):
        return [_rename(part, vendor) for part in value]
    if not isinstance(value, dict):
        return value
    packed = {key: _rename(part, vendor) for key, part in value.items()}
    target = packed.get("_target_")
    if isinstance(target, str) and target.split(".")[0] == SOURCE_NAME:
        before = packed.get("_requires_", [])
        requires = ["@search_path", *(before if isinstance(before, list) else [before])]
        packed["_target_"] = vendor + target.removeprefix(SOURCE_NAME)
        packed["_requires_"] = requires if len(requires) > 1 else requires[0]
    return packed
