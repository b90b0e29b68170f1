"""What a user has to type to run a command of this copy of the package: a packed bundle holds one of another name."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def own_command(words: str) -> str:
    """Return the command line ``python -m PACKAGE words``, with the folder to give it in when it is not this one.

    Example:
        >>> own_command("report RUN").startswith("python -m tools report RUN")
        True
    """
    command = f"python -m {PACKAGE.name} {words}"
    return command if PACKAGE.parent == Path.cwd().resolve() else f"{command} (in the folder {PACKAGE.parent})"
