"""A release of the collection: all bundles packed, and the files that MONAI and people look them up in."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from ..handlers.run_lock import RunLock
from .metadata_file import read_metadata
from .pack import pack
from .release_notes import release_notes
from .sync_check import check_sync
from .weights import file_hash

MODEL_INFO = "model_info.json"
SUMS = "SHA256SUMS"
DRAFT = ".release-"
NOTES = "RELEASE_NOTES.md"


def release(root: Path, bundles: Sequence[Path], output: Path, base_url: str = "") -> list[Path]:
    """Write the packed bundles, model_info.json, SHA256SUMS and RELEASE_NOTES.md; return the files.

    The same bundles give the same bytes. Nothing is moved to ``output`` before all is made.

    Args:
        root: folder of the collection.
        bundles: folders of the bundles to release.
        output: folder to write to.
        base_url: address of the folder the files will be downloaded from, for model_info.json and the notes; without
            it the one has bare file names, the others OWNER/REPOSITORY/TAG.

    Raises:
        ValueError: when a bundle is out of step with its version, the address is no web address, or ``output`` holds
            a zip that is not of this release.
        RuntimeError: when another process is releasing to ``output``.
    """
    if base_url and not (urlsplit(base_url).scheme in ("http", "https") and urlsplit(base_url).netloc):
        raise ValueError(
            f"--base_url must be a web address, got '{base_url}'; for a release on GitHub it is "
            "https://github.com/OWNER/REPOSITORY/releases/download/TAG"
        )
    check_sync(root, bundles)
    refuse_others(output, bundles)
    with draft_folder(output) as draft:
        archives = {bundle: pack(bundle, draft) for bundle in bundles}
        info = {file.stem: entry(file, base_url) for file in archives.values()}
        (draft / MODEL_INFO).write_text(json.dumps(info, indent=4) + "\n", encoding="utf-8")
        sums = "".join(f"{file_hash(file)}  {file.name}\n" for file in archives.values())
        (draft / SUMS).write_text(sums, encoding="utf-8")
        (draft / NOTES).write_text(release_notes(archives, base_url), encoding="utf-8")
        for file in draft.iterdir():
            os.replace(file, output / file.name)
    return [output / name for name in sorted([*(file.name for file in archives.values()), MODEL_INFO, NOTES, SUMS])]


@contextmanager
def draft_folder(output: Path) -> Iterator[Path]:
    """Give a folder inside ``output`` that is removed when the block ends, by an error as well; make ``output``.

    Only one process at a time gets one, so that folders of others are those of killed runs; they are removed first.

    Raises:
        RuntimeError: when another process is releasing to ``output``.
    """
    lock = RunLock(output, option="--output")
    lock.acquire()
    try:
        for left in output.glob(f"{DRAFT}*/"):
            shutil.rmtree(left)
        with TemporaryDirectory(dir=output, prefix=DRAFT) as folder:
            yield Path(folder)
    finally:
        lock.release()


def archive_name(bundle: Path) -> str:
    """Return the name of the zip of a bundle, the one that ``monai.bundle download --source github`` asks for."""
    return f"{bundle.name}_v{read_metadata(bundle)['version']}.zip"


def refuse_others(output: Path, bundles: Sequence[Path]) -> None:
    """Refuse a folder with zips that would be uploaded along although they are not of this release."""
    names = {archive_name(bundle) for bundle in bundles}
    others = sorted(file.name for file in output.glob("*.zip") if file.name not in names)
    if others:
        raise ValueError(f"{output} holds zips of another release, {', '.join(others)}; remove them or change --output")


def entry(archive: Path, base_url: str) -> dict[str, str]:
    """Return what model_info.json of MONAI's Model Zoo says about a zip."""
    source = f"{base_url.rstrip('/')}/{archive.name}" if base_url else archive.name
    return {"checksum": file_hash(archive, "sha1"), "source": source}
