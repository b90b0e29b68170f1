"""The folder that a converter writes to, and the report in it."""

from pathlib import Path

from .whole_files import write_text

REPORT = "report.txt"


def check_output(output: Path) -> None:
    """Refuse an output that is there and no folder.

    Raises:
        NotADirectoryError: it is a file.
    """
    if output.exists() and not output.is_dir():
        raise NotADirectoryError(f"--output must be a folder, this is a file: {output}")


def write_report(output: Path, text: str, quiet: bool) -> None:
    """Keep the closing text of a conversion as report.txt, and print it unless ``quiet``."""
    write_text(output / REPORT, text + "\n")
    if not quiet:
        print(text)
