from pathlib import Path

import pytest

from tools.bundle.import_names import imported_late
from tools.bundle.pack_error import PackError
from tools.bundle.required_packages import pinned_versions, required_packages, required_versions
from tools.bundle.vendoring import PACKAGE, module_path, vendor_name, vendored_modules

BUNDLE = PACKAGE.parent / "bundles" / "aura_v3"


def package(folder: Path, **modules: str) -> Path:
    """Write a package ``tools`` of small modules, a dunder for a slash: ``a__b`` is a/b.py."""
    root = folder / "tools"
    for name, text in {"__init__": "", **modules}.items():
        path = root / f"{name if name == '__init__' else name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text)
    return root


def test_relative_imports_are_followed_also_within_functions(tmp_path):
    root = package(
        tmp_path,
        a__first="from ..b.second import x\ndef f():\n    from . import third\n",
        a__third="",
        a__unused="",
        b__second="from ..c import fourth, NAME\nif TYPE_CHECKING:\n    from .types import T\n",
        c__fourth="if not TYPE_CHECKING:\n    from . import fifth\n",
        c__fifth="",
    )
    (root / "c" / "__init__.py").write_text("NAME = 1\n")
    found = vendored_modules(["a.first"], root)
    assert list(found) == sorted(
        ["__init__.py", "a/__init__.py", "a/first.py", "a/third.py", "b/__init__.py", "b/second.py", "c/__init__.py"]
        + ["c/fourth.py", "c/fifth.py"]
    )
    assert found["c/__init__.py"] == b"NAME = 1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import tools.b.second", "tools/a/first.py, line 1: imports tools.b.second by its absolute name"),
        ("from tools.b import second", "imports tools.b by its absolute name"),
        ("def f():\n    import tools", "line 2: imports tools by its absolute name"),
        ("import importlib\nimportlib.import_module('tools.b')", "line 2: imports tools.b by its absolute name"),
        ("from .nothing import x", "imports tools.a.nothing, which is not there"),
        ("from . import nothing", "imports tools.a.nothing, which is not there"),
        ("from ....x import y", "a relative import of level 4 leaves the package"),
        ("def f(:", "not valid Python"),
    ],
)
def test_imports_that_would_not_work_packed(tmp_path, text, message):
    root = package(tmp_path, a__first=text, b__second="")
    with pytest.raises(PackError, match="1 reason") as caught:
        vendored_modules(["a.first"], root)
    assert message in caught.value.reasons[0]


def test_a_module_that_is_not_there_and_those_behind_links(tmp_path):
    root = package(tmp_path, a__first="")
    (root / "a" / "link.py").symlink_to(root / "a" / "first.py")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "other.py").touch()
    (root / "c").symlink_to(tmp_path / "outside")
    with pytest.raises(PackError) as caught:
        vendored_modules(["a.link", "b.none", "c.other"], root)
    assert caught.value.reasons == [
        "tools: there is no module b.none",
        "tools/c/other.py: a symbolic link, or below one; put the file itself there",
        "tools/a/link.py: a symbolic link, or below one; put the file itself there",
    ]


@pytest.mark.parametrize("dotted", ["a..first", "a.", "{outside}/secret", "a/.{outside}/secret"])
def test_what_is_no_name_of_a_module_finds_no_file(tmp_path, dotted):
    root = package(tmp_path, a__first="")
    (tmp_path / "secret.py").touch()
    assert module_path("a.first", root) == root / "a" / "first.py"
    assert module_path(dotted.format(outside=tmp_path), root) is None


def test_another_content_is_another_name():
    names = [vendor_name({"a.py": b"x", "b.py": b"y"}), vendor_name({"b.py": b"y", "a.py": b"x"})]
    assert names[0] == names[1]
    assert vendor_name({"a.py": b"x", "b.py": b"z"}) != names[0] != vendor_name({"a.py": b"xb.py", "": b"y"})


def test_no_module_of_the_package_imports_it_by_its_absolute_name():
    roots = [".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("[a-z]*.py")]
    assert len(vendored_modules(roots)) > len(roots) > 60


def test_required_packages_are_those_that_the_bundle_imports():
    found = required_packages(BUNDLE)
    pins = pinned_versions()
    assert found.items() <= pins.items()
    assert list(found) == [name for name in pins if name in found]
    # MONAI's command line and YAML, Ignite's engines and progress bar, TensorBoard in the history, images, DICOM
    assert {"fire", "pyyaml", "pytorch-ignite", "tqdm", "tensorboard", "nibabel", "pydicom"} <= set(found)
    assert not {"torch", "monai", "numpy", "pytest"} & set(found)


def test_a_package_without_a_pin_is_refused_with_who_needs_it():
    modules = {"a.py": b"import os\nimport pandas\n", "b.py": b"def f():\n    from openslide import open_slide\n"}
    with pytest.raises(PackError) as caught:
        required_versions(modules, {"train.json": {"x": {"_target_": "MLFlowHandler"}}})
    assert [reason.split(",")[0] for reason in caught.value.reasons] == [
        "configs/train.json needs mlflow",
        "b.py needs openslide",
        "a.py needs pandas",
    ]


@pytest.mark.parametrize(
    ("name", "packages"),
    [
        ("LoadImaged", {"nibabel"}),
        ("ProgressBar", {"tqdm"}),
        ("SummaryWriter", {"tensorboard"}),
        ("SupervisedTrainer", {"pytorch-ignite"}),
        ("ValidationHandler", {"pytorch-ignite"}),
        ("RandFlipd", set()),
    ],
)
def test_what_components_of_others_import_late(name, packages):
    assert imported_late(name) == packages
