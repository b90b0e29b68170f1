import hashlib
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
import torch

from tests.bundle.tiny_bundle import edit, tiny_bundle
from tools.__main__ import main
from tools.bundle.content import content_hash
from tools.bundle.pack import pack, packed_files
from tools.bundle.pack_error import PackError
from tools.bundle.packed_config import string_reasons
from tools.bundle.vendoring import PACKAGE

TARGET = "tools.networks.aura_vit.AuraViT"


@pytest.fixture
def source(tmp_path) -> Path:
    return tiny_bundle(tmp_path / "source")


def change(bundle: Path, name: str, **entries: object) -> None:
    edit(bundle / "configs" / f"{name}.json", lambda config: config.update(entries))


def reasons(bundle: Path) -> list[str]:
    with pytest.raises(PackError) as caught:
        packed_files(bundle)
    return caught.value.reasons


def test_the_zip_is_complete_and_its_sums_are_right(source, tmp_path):
    path = pack(source, tmp_path / "dist")
    assert path.name == "aura_v3_v0.1.0.zip"
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path)
        assert {(info.date_time, info.external_attr >> 16, info.compress_type) for info in archive.infolist()} == {
            ((1980, 1, 1, 0, 0, 0), 0o100644, zipfile.ZIP_STORED)
        }
    assert names == sorted(names)
    assert {name.split("/")[0] for name in names} == {"aura_v3"}
    lines = (tmp_path / "aura_v3" / "SHA256SUMS").read_text().splitlines()
    assert len(lines) == len(names) - 1
    for line in lines:
        digits, name = line.split("  ")
        assert hashlib.sha256((tmp_path / "aura_v3" / name).read_bytes()).hexdigest() == digits


def test_the_same_content_gives_the_same_bytes(source, tmp_path):
    first = pack(source, tmp_path / "one").read_bytes()
    copy = tmp_path / "copy" / source.name
    shutil.copytree(source, copy)
    for path in copy.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o700)
    page = copy / "docs" / "README.md"
    page.write_bytes(page.read_bytes().replace(b"\n", b"\r\n"))
    assert pack(copy, tmp_path / "two").read_bytes() == first


def test_nothing_of_the_repository_is_left_in_configurations_and_documents(source):
    files = packed_files(source)
    vendor = next(name for name in files if name.startswith("aura_tools_")).split("/")[0]
    for name, data in files.items():
        if name.startswith(("configs/", "docs/")):
            assert "bundles/aura_v3" not in data.decode()
            assert "-m tools" not in data.decode()
            assert '"tools.' not in data.decode()
    train = json.loads(files["configs/train.json"])
    assert train["network_def"]["_target_"] == f"{vendor}.networks.aura_vit.AuraViT"
    assert train["network_def"]["_requires_"] == "@search_path"
    assert f"python -m {vendor} prepare nsclc_radiomics" in files["docs/README.md"].decode()
    assert not [name for name in files if name.endswith(("bundle/pack.py", "bundle/demo.py", "bundle/collection.py"))]


def test_weights_are_included_and_counted(source, tmp_path):
    (source / "models").mkdir()
    torch.save({"weight": torch.zeros(2)}, source / "models" / "model.pt")
    with zipfile.ZipFile(pack(source, tmp_path / "dist")) as archive:
        assert archive.read("aura_v3/models/model.pt") == (source / "models" / "model.pt").read_bytes()
        assert b"models/model.pt\n" in archive.read("aura_v3/SHA256SUMS")
    assert "models/model.pt" not in packed_files(source)


def with_weights(bundle: Path, temperature: str) -> Path:
    """Put weights and a temperature into a bundle, or beside another file of weights; return that of the weights."""
    folder = bundle / "models"
    folder.mkdir()
    torch.save({"weight": torch.zeros(2)}, folder / "model.pt")
    (folder / "temperature.json").write_text(temperature)
    return folder / "model.pt"


def test_a_temperature_goes_along_with_its_weights(source, tmp_path):
    with_weights(source, '{"temperature": 1.5}')
    with zipfile.ZipFile(pack(source, tmp_path / "dist")) as archive:
        assert archive.read("aura_v3/models/temperature.json") == b'{"temperature": 1.5}'
        assert b"models/temperature.json\n" in archive.read("aura_v3/SHA256SUMS")
    others = tmp_path / "others"
    others.mkdir()
    weights = with_weights(others, '{"temperature": 0.5}')
    with zipfile.ZipFile(pack(source, tmp_path / "dist", weights=weights)) as archive:
        assert archive.read("aura_v3/models/temperature.json") == b'{"temperature": 0.5}'
    weights.with_name("temperature.json").unlink()  # what calibrates other weights must not go with these
    with zipfile.ZipFile(pack(source, tmp_path / "dist", weights=weights)) as archive:
        assert "aura_v3/models/temperature.json" not in archive.namelist()


def test_former_weights_take_the_temperature_that_was_kept_with_them(source, tmp_path):
    weights = with_weights(source, '{"temperature": 1.5}')
    former = weights.rename(weights.with_name("model.previous.pt"))
    with zipfile.ZipFile(pack(source, tmp_path / "without", weights=former)) as archive:
        assert "aura_v3/models/temperature.json" not in archive.namelist()
    (former.parent / "temperature.previous.json").write_text('{"temperature": 0.5}')
    with zipfile.ZipFile(pack(source, tmp_path / "with", weights=former)) as archive:
        assert archive.read("aura_v3/models/temperature.json") == b'{"temperature": 0.5}'


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"temperature": "warm"}', '{"temperature": 0}', '{"temperature": NaN}']
)
def test_a_temperature_that_is_none_is_refused(source, tmp_path, content):
    with_weights(source, content)
    with pytest.raises(PackError, match=r"temperature\.json: must hold .* a number above 0"):
        pack(source, tmp_path / "dist")
    assert not (tmp_path / "dist").exists()


def test_a_temperature_behind_a_link_is_refused(source, tmp_path):
    file = with_weights(source, '{"temperature": 1.5}').with_name("temperature.json")
    file.rename(tmp_path / "real.json")
    file.symlink_to(tmp_path / "real.json")
    with pytest.raises(PackError, match=r"temperature\.json: a symbolic link"):
        pack(source, tmp_path / "dist")


def large_files(digits: str, path: str = "models/model.pt", url: str = "https://example.org/model.pt") -> str:
    return f"large_files:\n- path: {path}\n  url: {url}\n  hash_val: '{digits}'\n  hash_type: sha256\n"


def test_weights_are_referenced_when_they_are_published(source, tmp_path):
    (source / "large_files.yml").write_text(large_files("0" * 64))
    files = packed_files(source)
    assert files["large_files.yml"].decode() == large_files("0" * 64)
    assert "download_large_files --bundle_path ." in files["docs/README.md"].decode()
    (source / "models").mkdir()
    torch.save({"weight": torch.zeros(2)}, source / "models" / "model.pt")
    with pytest.raises(PackError, match="not the file whose sha256 large_files.yml states"):
        pack(source, tmp_path / "dist")
    assert not (tmp_path / "dist").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (large_files("0" * 64, path="models/../../model.pt"), "path must lie in models/"),
        (large_files("0" * 64, url="http://example.org/model.pt"), "url must begin with https://"),
        (large_files("abc"), "hash_val its 64"),
        ("large_files: nothing", "must be a list"),
    ],
)
def test_large_files_that_monai_could_not_use_safely(source, content, message):
    (source / "large_files.yml").write_text(content)
    assert any(message in reason for reason in reasons(source))


def test_weights_that_are_none_are_refused(source, tmp_path):
    (source / "models").mkdir()
    (source / "models" / "model.pt").write_bytes(b"no weights")
    with pytest.raises(PackError, match="does not load with weights_only=True"):
        pack(source, tmp_path / "dist")
    with pytest.raises(PackError, match="no such file"):
        pack(source, tmp_path / "dist", weights=tmp_path / "nothing.pt")
    real = tmp_path / "real.pt"
    torch.save({"weight": torch.zeros(2)}, real)
    (source / "models" / "model.pt").unlink()
    (source / "models" / "model.pt").symlink_to(real)
    with pytest.raises(PackError, match="symbolic link"):
        pack(source, tmp_path / "dist")


CONFIGS = {
    "module": ({"x": {"_target_": "tools.networks.aura_vitt.AuraViT"}}, "no module tools.networks.aura_vitt (did you"),
    "name": ({"x": {"_target_": "tools.networks.aura_vit.AuraViTT"}}, "defines no AuraViTT (did you mean AuraViT?)"),
    "no name": ({"x": {"_target_": "tools.networks"}}, "must name a class or function"),
    "import": ({"imports": ["$import tools.networks"]}, "uses tools by name"),
    "expression": ({"x": "$tools.networks.aura_vit.AuraViT()"}, "uses tools by name"),
    "hidden": ({"x": "$importlib.import_module('tools.networks')"}, "uses tools by name"),
    "nested": ({"x": {"y": [{"z": "tools.networks.aura_vit"}]}}, "x#y#0#z: 'tools.networks.aura_vit' uses tools"),
    "macro": ({"x": "%other.json#network_def"}, "takes from another file"),
    "upwards": ({"x": "$@bundle_root + '/../other'"}, "leaves the bundle's folder"),
    "absolute": ({"x": "/data/ct"}, "leaves the bundle's folder"),
    "home": ({"x": "$open('/home/someone/file')"}, "leaves the bundle's folder"),
    "quoted": ({"x": "$sorted(glob.glob('/workspace/data/*.nii.gz'))"}, "leaves the bundle's folder"),
    "added to": ({"x": "$'/data/' + @dataset_name"}, "leaves the bundle's folder"),
    "share": ({"x": "\\\\server\\ct"}, "leaves the bundle's folder"),
    "address": ({"x": "file:///data/ct"}, "leaves the bundle's folder"),
    "no Python": ({"x": "$len(@windows_hu"}, "is not valid Python"),
    "package": ({"imports": ["$import pandas"]}, "needs pandas, which has no exact pin in requirements.txt"),
    "taken": ({"search_path": 1}, "'search_path' is used by packing"),
}


@pytest.mark.parametrize(
    "value",
    ["$@bundle_root + '/eval'", "$f'{@bundle_root}/a'", "$@a#b::0.endswith('/x')", "$@name.split('/')", "a/b"],
)
def test_paths_below_another_stay_in_the_folder(value):
    assert string_reasons(value) == []


@pytest.mark.parametrize(("entries", "message"), CONFIGS.values(), ids=CONFIGS)
def test_a_configuration_that_would_not_work_packed(source, entries, message):
    change(source, "light", **entries)
    found = reasons(source)
    assert len(found) == 1
    assert "configs/light.json" in found[0]
    assert message in found[0]


def test_all_reasons_are_given_at_once_and_nothing_is_written(source, tmp_path):
    change(source, "light", x={"_target_": "tools.networks.nothing.AuraViT"}, y="/data")
    (source / ".env").write_text("TOKEN=1")
    (source / "docs" / "notes.md").write_text("see [it](../../tools/x.py), `python -m tools demo aura_v3`")
    (source / "docs" / "data_license.txt").unlink()
    with pytest.raises(PackError) as caught:
        pack(source, tmp_path / "dist")
    for part in ("networks.nothing", "'/data' leaves", ".env: has a name", "links to ../../tools", "tools demo`"):
        assert sum(part in reason for reason in caught.value.reasons) == 1, part
    assert "docs/data_license.txt: missing" in caught.value.reasons
    assert str(caught.value).startswith("aura_v3 cannot be packed, 7 reason(s); nothing was written:\n  - ")
    assert not (tmp_path / "dist").exists()


@pytest.mark.parametrize(("field", "value"), [("version", "1.0"), ("version", "../1"), ("dataset", "unknown")])
def test_metadata_that_packing_needs(source, field, value):
    change(source, "metadata", **{field: value})
    assert [reason for reason in reasons(source) if field in reason and value in reason]


def test_configurations_that_are_no_json(source):
    (source / "configs" / "light.json").write_text("{")
    (source / "configs" / "demo.json").write_text("[]")
    found = reasons(source)
    assert any("configs/light.json: not valid JSON" in reason for reason in found)
    assert any("configs/demo.json: must hold a dictionary, got list" in reason for reason in found)


def test_the_content_hash_follows_the_content_and_not_the_version(source, tmp_path):
    before = content_hash(source)
    change(source, "metadata", version="0.2.0", changelog={"0.2.0": "Another one"})
    assert content_hash(source) == before
    change(source, "metadata", task="Another task")
    other = content_hash(source)
    assert other != before
    page = source / "docs" / "README.md"
    page.write_text(page.read_text() + "One more word.\n")
    assert content_hash(source) != other
    package = tmp_path / "tools"
    shutil.copytree(PACKAGE, package)
    network = package / "networks" / "aura_vit.py"
    network.write_text(network.read_text() + "# a remark\n")
    assert len({content_hash(source), content_hash(source, package), before, other}) == 4


def test_the_command_says_what_it_wrote_or_why_not(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("sys.argv", ["tools", "pack", "--all", "--output", str(tmp_path)])
    main()
    out = capsys.readouterr().out
    archives = sorted(tmp_path.glob("*.zip"))
    assert len(archives) == len(out.splitlines()) > 0
    assert hashlib.sha256(archives[0].read_bytes()).hexdigest() in out
    assert subprocess.run(["unzip", "-tq", str(archives[0])], check=False, capture_output=True).returncode == 0
    for words in (["pack"], ["pack", "aura_v3", "--all"], ["pack", "aura_v9"], ["pack", "--all", "--weights", "x"]):
        monkeypatch.setattr("sys.argv", ["tools", *words])
        with pytest.raises(SystemExit, match="2"):
            main()
        assert capsys.readouterr().err.startswith("error: ")
