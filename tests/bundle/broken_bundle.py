"""A small collection and its zip, broken on purpose: in the source and packed again, or in the zip itself."""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from tests.bundle.tiny_bundle import NAME
from tools.bundle.content import content_hash
from tools.bundle.metadata_file import read_metadata
from tools.bundle.sync import sync_bundle
from tools.bundle.vendoring import vendor_name
from tools.bundle.versions import record_version


def settle(bundle: Path) -> None:
    """Bring what follows from a changed bundle up to date, so that only the change itself can be found."""
    sync_bundle(bundle)
    record(bundle)


def record(bundle: Path) -> None:
    """Take the present content for the present version."""
    record_version(bundle.parent, NAME, read_metadata(bundle)["version"], content_hash(bundle))


def broken_zip(archive: Path, folder: Path, change: Callable[[Path], None]) -> Path:
    """Unpack a zip, let ``change`` do its work in NAME/, and zip it with new sums and a right vendored name."""
    with zipfile.ZipFile(archive) as content:
        content.extractall(folder / "unpacked")
    root = folder / "unpacked" / NAME
    change(root)
    rename_vendored(root)
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    sums = {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    (root / "SHA256SUMS").write_text("".join(f"{digits}  {name}\n" for name, digits in sums.items()))
    return zipped(root, folder / archive.name)


def zipped(root: Path, target: Path) -> Path:
    """Zip a folder under its own name."""
    with zipfile.ZipFile(target, "w") as content:
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            content.write(path, path.relative_to(root.parent).as_posix())
    shutil.rmtree(root.parent)
    return target


def rename_vendored(root: Path) -> None:
    """Give the vendored package the name that its content makes, in the configurations as well."""
    vendored = next(root.glob("aura_tools_*"))
    files = {path.relative_to(vendored).as_posix(): path.read_bytes() for path in vendored.rglob("*.py")}
    name = vendor_name(files)
    for path in root.glob("configs/*.json"):
        path.write_text(path.read_text().replace(vendored.name, name))
    vendored.rename(root / name)


def append(module: str, text: str) -> Callable[[Path], None]:
    """Return a change that adds lines to a vendored module."""

    def change(root: Path) -> None:
        path = next(root.glob("aura_tools_*")) / module
        path.write_text(f"{path.read_text()}\n\n{text}\n")

    return change


def edit(file: str, change: Callable[[dict], None]) -> Callable[[Path], None]:
    """Return a change of a JSON file of the bundle."""

    def apply(root: Path) -> None:
        content = json.loads((root / file).read_text())
        change(content)
        (root / file).write_text(json.dumps(content, indent=4) + "\n")

    return apply
