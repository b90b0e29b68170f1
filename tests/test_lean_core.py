"""The core runs where nothing but torch, numpy, monai and ignite (and nibabel, for data) is installed."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
CORE = ("networks", "layers", "losses", "schedules", "handlers", "inferers", "transforms")
DATA = ("tools.datasets.slice_dataset", "tools.datasets.epoch_sampler", "tools.datasets.datalist")
BLOCKED = "fire highdicom itk matplotlib pandas pydicom scipy skimage sklearn tensorboard"

CODE = """
import importlib, sys
blocked = set(sys.argv[1].split())
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refuse())
for name in sys.argv[2:]:
    importlib.import_module(name)
print(len(sys.argv) - 2)
"""


def test_importing_the_core_needs_nothing_else():
    found = [path for folder in CORE for path in sorted((REPOSITORY / "tools" / folder).glob("[a-z]*.py"))]
    names = [*DATA, *(".".join(path.relative_to(REPOSITORY).with_suffix("").parts) for path in found)]
    command = [sys.executable, "-c", CODE, BLOCKED, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) == len(names) > 40
