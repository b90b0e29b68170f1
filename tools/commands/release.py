"""``python -m tools release``: all bundles packed, ready to publish."""

from pathlib import Path


def run(output: str = "dist", base_url: str = "") -> None:
    """Pack all bundles and write model_info.json, SHA256SUMS and RELEASE_NOTES.md beside them.

    The same bundles give the same bytes. docs/publishing.md says how to publish them.

    Example: python -m tools release --base_url https://github.com/OWNER/REPOSITORY/releases/download/TAG

    Args:
        output: folder to write to.
        base_url: address of the folder that the files will be downloaded from; model_info.json and the notes need it.
    """
    from ..bundle.collection import REPOSITORY
    from ..bundle.release import release
    from ..bundle.sync import bundles_of

    files = release(REPOSITORY, bundles_of(REPOSITORY), Path(str(output)), str(base_url))
    if not base_url:
        print("model_info.json and the notes do not say where the zips are: give --base_url before you publish it")
    print("\n".join(f"{file}  {file.stat().st_size:,} bytes" for file in files))
