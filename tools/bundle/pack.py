"""Make a zip of a bundle that needs nothing of this repository, byte for byte the same on every machine."""

import hashlib
import json
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .bundle_files import bundle_files, check_files
from .bundle_roots import COMMANDS, METADATA, command_roots, read_facts
from .pack_error import PackError
from .packed_config import config_roots, packed_config, read_configs
from .packed_docs import doc_reasons, is_page, packed_text, with_note
from .required_packages import required_versions
from .secret_scan import secret_lines
from .vendoring import PACKAGE, vendor_name, vendored_modules
from .weights import (
    LARGE_FILES,
    MODEL,
    TEMPERATURE_PATH,
    calibration,
    calibration_reasons,
    file_hash,
    large_files_reasons,
    weight_reasons,
)

README = "docs/README.md"
SUMS = "SHA256SUMS"
# the first time that a zip can hold: no clock gets into the file
ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def packed_files(bundle: Path, package: Path = PACKAGE) -> dict[str, bytes]:
    """Return everything that the zip of a bundle holds but weights, by path relative to the bundle's folder.

    Configurations and documents are rewritten for the vendored package, metadata gets the packages that are needed;
    ``SHA256SUMS`` is last.

    Args:
        bundle: folder of the bundle.
        package: folder of the package to vendor from.

    Raises:
        PackError: whatever keeps the bundle from being packed, all reasons at once.
    """
    reasons = check_files(bundle) + large_files_reasons(bundle)
    configs = _collect(reasons, {}, read_configs, bundle)
    facts = _collect(reasons, {}, read_facts, bundle)
    roots = _collect(reasons, set(), config_roots, configs, package) | _collect(reasons, set(), command_roots, facts)
    modules = _collect(reasons, {}, vendored_modules, roots, package)
    for name, source in modules.items():
        reasons += secret_lines(f"{package.name}/{name}", source.decode("utf-8", "replace"))
    versions = _collect(reasons, {}, required_versions, modules, configs)
    files = bundle_files(bundle) if bundle.is_dir() else {}
    for name in filter(is_page, files):
        reasons += doc_reasons(name, files[name].decode("utf-8", "replace"), bundle.name, COMMANDS, files)
    if reasons:
        raise PackError(reasons, bundle.name)
    vendor = vendor_name(modules)
    files |= {f"{vendor}/{name}": source for name, source in modules.items()}
    for name, config in configs.items():
        files[f"configs/{name}"] = _json(packed_config(config, vendor, bundle.name))
    facts["required_packages_version"] = versions
    files[METADATA] = _json(facts)
    for name in filter(is_page, files):
        files[name] = packed_text(files[name].decode(), vendor, bundle.name).encode()
    files[README] = with_note(files[README].decode(), facts, LARGE_FILES in files).encode()
    return {**dict(sorted(files.items())), SUMS: _sums({name: _sha256(data) for name, data in files.items()})}


def pack(bundle: Path, output: Path, weights: Path | None = None, package: Path = PACKAGE) -> Path:
    """Write ``output/NAME_vX.Y.Z.zip`` with one top folder NAME, and return its path.

    Args:
        bundle: folder of the bundle.
        output: folder for the zip, made when it is not there.
        weights: file to pack as ``models/model.pt``. Default: the bundle's own when it is there; without one, what
            ``large_files.yml`` says is downloaded by the user. A ``temperature.json`` beside them goes along, beside
            ``model.NAME.pt`` that is ``temperature.NAME.json``.
        package: folder of the package to vendor from.

    Raises:
        PackError: whatever keeps the bundle from being packed, all reasons at once; nothing is written.
    """
    own = bundle / MODEL
    weights = own if weights is None and (own.exists() or own.is_symlink()) else weights
    reasons = [] if weights is None else weight_reasons(weights, bundle)
    temperature = None if weights is None else calibration(weights)
    reasons += [] if temperature is None else calibration_reasons(temperature)
    files = _collect(reasons, {}, packed_files, bundle, package)
    if reasons:
        raise PackError(reasons, bundle.name)
    entries: dict[str, bytes | Path] = {name: data for name, data in files.items() if name != SUMS}
    if weights is not None:
        entries[MODEL] = weights
    if temperature is not None:
        entries[TEMPERATURE_PATH] = temperature
    entries[SUMS] = _sums({name: _sha256(data) for name, data in entries.items()})
    version = json.loads(files[METADATA])["version"]
    output.mkdir(parents=True, exist_ok=True)
    target = output / f"{bundle.name}_v{version}.zip"
    with tempfile.TemporaryDirectory(prefix=".pack-", dir=output) as folder:
        draft = Path(folder) / target.name
        _write_zip(draft, bundle.name, entries)
        os.replace(draft, target)
    return target


def _collect(reasons: list[str], default: Any, step: Callable, *arguments: Any) -> Any:
    """Return what a step returns; when it refuses, add its reasons to those there are and return ``default``."""
    try:
        return step(*arguments)
    except PackError as error:
        reasons += error.reasons
        return default


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=4, ensure_ascii=False) + "\n").encode()


def _sha256(data: bytes | Path) -> str:
    return file_hash(data) if isinstance(data, Path) else hashlib.sha256(data).hexdigest()


def _sums(hashes: dict[str, str]) -> bytes:
    """Return the lines that ``sha256sum --check`` reads."""
    return "".join(f"{digits}  {name}\n" for name, digits in sorted(hashes.items())).encode()


def _write_zip(path: Path, top: str, entries: dict[str, bytes | Path]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(entries.items()):
            info = zipfile.ZipInfo(f"{top}/{name}", ZIP_TIME)
            info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            if isinstance(data, bytes):
                archive.writestr(info, data)
                continue
            info.file_size = data.stat().st_size
            with data.open("rb") as source, archive.open(info, "w") as target:
                shutil.copyfileobj(source, target, 1 << 20)
