"""One command line for the collection: ``python -m tools COMMAND``; a command is `run` of its file in `commands`."""

import inspect
import pkgutil
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

import fire

from . import commands
from .own_command import PACKAGE


def command_table() -> dict[str, Callable]:
    """Return the function behind each command; the command's name is that of its file.

    Its help names this copy of the package, which has another name in a packed bundle.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(commands.__path__))
    table = {name: import_module(f".{name}", commands.__name__).run for name in names}
    for function in table.values():
        function.__doc__ = (function.__doc__ or "").replace("python -m tools", f"python -m {PACKAGE.name}")
    return table


def check_options(words: Sequence[str], table: dict[str, Callable]) -> None:
    """Refuse options that a command does not have, before it starts: Fire would complain when it has ended.

    Raises:
        ValueError: naming them and those there are.
    """
    if not words or words[0] not in table:
        return
    known = set(inspect.signature(table[words[0]]).parameters)
    given = [word[2:].split("=")[0].replace("-", "_") for word in words[1:] if word.startswith("--") and word != "--"]
    unknown = sorted({name for name in given if name not in {*known, "help"} and name.removeprefix("no") not in known})
    if unknown:
        options = ", ".join(f"--{name}" for name in sorted(known))
        raise ValueError(f"unknown option: {', '.join(f'--{name}' for name in unknown)}; {words[0]} has {options}")


def main() -> None:
    """Run a command; what is wrong with the input is one line on standard error and exit status 2."""
    table = command_table()
    try:
        words = sys.argv[1:]
        check_options(words, table)
        if words and words[0] in table and {"-h", "--help"} & set(words):
            words = [words[0], "--help"]  # before Fire asks for the arguments that are not there yet
        fire.Fire(table, words, name=PACKAGE.name)
    except (OSError, ValueError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; run the same command again to continue", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
