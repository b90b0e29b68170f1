"""The modules of this package that a bundle needs: those it names and, by their relative imports, those they need.

Read from the syntax tree, never by importing, so that a broken or hostile module is found and not run.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from .pack_error import PackError

PACKAGE = Path(__file__).resolve().parents[1]
# functions that import by name: the name must not be that of this package
IMPORTERS = {"import_module", "__import__", "find_spec"}


def vendored_modules(roots: Iterable[str], package: Path = PACKAGE) -> dict[str, bytes]:
    """Return the source of the modules ``roots`` and of all that they import from the package.

    Imports within functions count. The ``__init__.py`` of every folder on the way is included.

    Args:
        roots: dotted names inside the package, without its own name: ``networks.aura_vit``.
        package: folder of the package.

    Returns:
        Posix path relative to ``package`` -> source with Unix line ends, sorted by path.

    Raises:
        PackError: a module is not there or cannot be parsed, or imports the package by its absolute name; all at once.
    """
    found: dict[str, bytes] = {}
    reasons: list[str] = []
    waiting = sorted(set(roots))
    for root in waiting:
        if module_path(root, package) is None:
            reasons.append(f"{package.name}: there is no module {root}")
    while waiting:
        path = module_path(waiting.pop(), package)
        for needed in () if path is None else (*_inits(path, package), path):
            name = needed.relative_to(package).as_posix()
            if name in found:
                continue
            if needed.resolve() != package.resolve() / name:
                reasons.append(f"{package.name}/{name}: a symbolic link, or below one; put the file itself there")
            found[name] = needed.read_bytes().replace(b"\r\n", b"\n")
            imported, wrong = package_imports(name, found[name], package)
            waiting += imported
            reasons += wrong
    if reasons:
        raise PackError(reasons)
    return dict(sorted(found.items()))


def content_digest(files: Mapping[str, bytes]) -> str:
    """Return sha256 over names and contents, in hexadecimal digits, whatever the order."""
    total = hashlib.sha256()
    for name, data in sorted(files.items()):
        total.update(f"{name}\0{len(data)}\0".encode() + data)
    return total.hexdigest()


def vendor_name(modules: Mapping[str, bytes]) -> str:
    """Return the name that the copy of these modules has in a bundle: another content, another name."""
    return f"aura_tools_{content_digest(modules)[:12]}"


def module_path(dotted: str, package: Path = PACKAGE) -> Path | None:
    """Return the file of a module, of a package its ``__init__.py``; None when there is none or it is no name."""
    parts = dotted.split(".") if dotted else []
    if not all(part.isidentifier() for part in parts):
        return None
    stem = package.joinpath(*parts)
    for path in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")):
        if path.is_file():
            return path
    return None


def package_imports(name: str, source: bytes, package: Path = PACKAGE) -> tuple[list[str], list[str]]:
    """Return the modules of the package that one of its files imports, and what is wrong with its imports."""
    place = f"{package.name}/{name}"
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        return [], [f"{place}: not valid Python ({error})"]
    parents = Path(name).parent.parts
    modules: list[str] = []
    reasons: list[str] = []
    for node in runtime_nodes(tree):
        absolute = [root for root in absolute_imports(node) if root.split(".")[0] == package.name]
        if absolute:
            reasons.append(
                f"{place}, line {node.lineno}: imports {absolute[0]} by its absolute name, which would run the wrong "
                "copy in a packed bundle; use a relative import"
            )
        if isinstance(node, ast.ImportFrom) and node.level:
            inside, wrong = _relative(node, parents, package)
            modules += inside
            reasons += [f"{place}, line {node.lineno}: {text}" for text in wrong]
    return modules, reasons


def absolute_imports(node: ast.AST) -> list[str]:
    """Return the dotted names that a statement or call imports absolutely."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level and node.module:
        return [node.module]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        text = node.args[0].value
        if called in IMPORTERS and isinstance(text, str) and text and not text.startswith("."):
            return [text]
    return []


def runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a syntax tree, leaving out what stands under ``if TYPE_CHECKING`` and never runs."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in child.orelse:
                yield from runtime_nodes(other)
        else:
            yield from runtime_nodes(child)


def defined_names(source: bytes) -> set[str]:
    """Return the names that a module defines or imports at its top level."""
    names: set[str] = set()
    waiting: list[ast.AST] = list(ast.parse(source).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        else:
            waiting += ast.iter_child_nodes(node)
    return names


def _inits(path: Path, package: Path) -> list[Path]:
    """Return the ``__init__.py`` of every folder from the package down to a module."""
    folders = [folder for folder in path.parents if folder == package or package in folder.parents]
    return [folder / "__init__.py" for folder in folders if (folder / "__init__.py").is_file()]


def _relative(node: ast.ImportFrom, parents: tuple[str, ...], package: Path) -> tuple[list[str], list[str]]:
    """Return the modules behind ``from ..x import a, b`` in a file of folder ``parents``, and what is wrong."""
    if node.level - 1 > len(parents):
        return [], [f"a relative import of level {node.level} leaves the package"]
    base = [*parents[: len(parents) - node.level + 1], *(node.module.split(".") if node.module else [])]
    dotted = ".".join(base)
    path = module_path(dotted, package)
    if path is None:
        return [], [f"imports {package.name}.{dotted}, which is not there"]
    modules, reasons = [dotted], []
    for alias in node.names if path.name == "__init__.py" else ():
        below = ".".join([*base, alias.name])
        if module_path(below, package):
            modules.append(below)
        elif alias.name not in defined_names(path.read_bytes()):
            reasons.append(f"imports {package.name}.{below}, which is not there")
    return modules, reasons
