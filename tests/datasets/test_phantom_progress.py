"""Whoever waits for a phantom sees how far it is: on a terminal, unless they asked for quiet."""

import io
import sys

import pytest

from tools.datasets.registry import DATASETS

COARSE = {"pixel_mm": 12.0, "thickness_mm": 20.0}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize("name", sorted(DATASETS))
def test_a_bar_on_a_terminal_unless_quiet(name, quiet, stream, tmp_path, monkeypatch):
    shown = stream()
    monkeypatch.setattr(sys, "stderr", shown)
    size = {} if name == "kermany" else COARSE
    DATASETS[name].write_phantom()(tmp_path / "set", patients=1, quiet=quiet, **size)
    assert ("writing: 100%" in shown.getvalue()) is (stream is Terminal and not quiet)
    assert bool(shown.getvalue()) is (stream is Terminal and not quiet)
