"""A release is what MONAI's own functions find, list, download and load."""

import hashlib
import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest
from monai.bundle import download, get_all_bundles_list, get_bundle_info, get_bundle_versions, scripts

from tests.bundle.small_collection import everything, small_collection
from tests.bundle.tiny_bundle import NAME, REPOSITORY, edit
from tools.bundle.change import make_version
from tools.bundle.checks.download import server
from tools.bundle.new import new_bundle
from tools.bundle.release import release
from tools.bundle.release_notes import place
from tools.bundle.sync import bundles_of

NEW = "lung_lesion_segmentation"
FILES = ["RELEASE_NOTES.md", "SHA256SUMS", "aura_v3_v0.1.0.zip", f"{NEW}_v0.1.0.zip", "model_info.json"]
URL = "https://example.org/releases/download/v1"


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """Two bundles, one of them with a name that MONAI can list."""
    root = small_collection(tmp_path_factory.mktemp("release") / "collection")
    new_bundle(root, NEW, NAME)
    return root


@pytest.fixture(scope="module")
def released(collection, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    assert [file.name for file in release(collection, bundles_of(collection), folder, f"{URL}/")] == FILES
    return folder


def test_checksums_fit(released):
    info = json.loads((released / "model_info.json").read_text())
    assert list(info) == ["aura_v3_v0.1.0", f"{NEW}_v0.1.0"]
    lines = (released / "SHA256SUMS").read_text().splitlines()
    for (name, entry), line in zip(info.items(), lines, strict=True):
        content = (released / f"{name}.zip").read_bytes()
        assert entry == {"checksum": hashlib.sha1(content).hexdigest(), "source": f"{URL}/{name}.zip"}
        assert line == f"{hashlib.sha256(content).hexdigest()}  {name}.zip"


def test_notes_come_from_the_changelogs(released):
    notes = (released / "RELEASE_NOTES.md").read_text()
    assert notes.index("## aura_v3 0.1.0") < notes.index(f"## {NEW} 0.1.0")
    assert "New in 0.1.0: First version, made like aura_v3 0.1.0" in notes
    assert f"download --name {NEW} --url {URL}/{NEW}_v0.1.0.zip --bundle_dir ." in notes


@pytest.mark.parametrize(
    ("base_url", "options"),
    [
        ("", "--version 1.0.0 --source github --repo OWNER/REPOSITORY/TAG"),
        ("https://github.com/me/mine/releases/download/v1/", "--version 1.0.0 --source github --repo me/mine/v1"),
        ("https://example.org/zips/", "--url https://example.org/zips/toy_v1.0.0.zip"),
    ],
)
def test_the_notes_say_where_this_release_is(base_url, options):
    assert place(Path("dist/toy_v1.0.0.zip"), "1.0.0", base_url) == options


def test_two_releases_are_equal_byte_for_byte(collection, released, tmp_path):
    release(collection, bundles_of(collection), tmp_path, URL)
    release(collection, bundles_of(collection), tmp_path, URL)
    assert everything(tmp_path) == everything(released)


@pytest.fixture
def github(released, monkeypatch):
    """A server with the release, in place of GitHub's two: one for releases, one for files at a tag."""
    asked = []

    def release_url(repo_owner, repo_name, tag_name, filename):
        asked.append((repo_owner, repo_name, tag_name, filename))
        return f"{address}/{filename}"

    def get(url, headers=None):
        assert url == "https://raw.githubusercontent.com/someone/bundles/v1/models/model_info.json"
        with urllib.request.urlopen(f"{address}/model_info.json") as answer:
            return SimpleNamespace(text=answer.read().decode(), raise_for_status=lambda: None)

    monkeypatch.setattr(scripts, "_get_git_release_url", release_url)
    monkeypatch.setattr(scripts, "requests", SimpleNamespace(get=get))
    monkeypatch.setattr(scripts, "has_requests", True)
    with server(released) as address:
        yield asked


@pytest.mark.parametrize(("name", "version"), [(NAME, "0.1.0"), (NEW, "0.1.0"), (NEW, None)])
def test_monai_downloads_the_release(github, collection, tmp_path, name, version):
    repo = "someone/bundles/v1"
    download(name=name, version=version, source="github", repo=repo, bundle_dir=tmp_path, progress=False)
    assert github == [("someone", "bundles", "v1", f"{name}_v0.1.0.zip")]
    assert json.loads((tmp_path / name / "configs" / "metadata.json").read_text())["version"] == "0.1.0"
    sums = [line.split("  ") for line in (tmp_path / name / "SHA256SUMS").read_text().splitlines()]
    assert len(sums) > 20
    assert all(hashlib.sha256((tmp_path / name / file).read_bytes()).hexdigest() == digest for digest, file in sums)


def test_monai_lists_the_release(github):
    place = {"repo": "someone/bundles", "tag": "v1"}
    assert (NEW, "0.1.0") in get_all_bundles_list(**place)
    assert get_bundle_versions(NEW, **place) == {"latest_version": "0.1.0", "all_versions": ["0.1.0"]}
    assert get_bundle_info(NEW, **place)["browser_download_url"] == f"{URL}/{NEW}_v0.1.0.zip"


def test_monai_cannot_list_a_name_with_a_version_mark_in_it(github):
    """When this fails MONAI has learnt it: take the note out of docs/publishing.md and of `new`."""
    with pytest.raises(ValueError, match="bundle: aura_v3 is not existing"):
        get_bundle_versions(NAME, repo="someone/bundles", tag="v1")


def test_a_version_that_follows_is_the_latest_for_monai(root, bundle, github, released, tmp_path, monkeypatch):
    made = new_bundle(root, NEW, NAME)
    make_version(made, "Another one", part="minor")
    release(root, [made], tmp_path / "dist", URL)
    both = [json.loads((folder / "model_info.json").read_text()) for folder in (released, tmp_path / "dist")]
    answer = SimpleNamespace(text=json.dumps(both[0] | both[1]), raise_for_status=lambda: None)
    monkeypatch.setattr(scripts, "requests", SimpleNamespace(get=lambda *words, **more: answer))
    assert get_bundle_versions(NEW, repo="a/b", tag="c")["latest_version"] == "0.2.0"


def test_without_an_address_model_info_has_file_names(root, bundle, tmp_path):
    release(root, [bundle], tmp_path)
    assert json.loads((tmp_path / "model_info.json").read_text())["aura_v3_v0.1.0"]["source"] == "aura_v3_v0.1.0.zip"


@pytest.mark.parametrize("url", ["dist", "file:///dist", "https:///x", "javascript:x"])
def test_what_is_no_web_address_is_refused(root, bundle, tmp_path, url):
    with pytest.raises(ValueError, match="--base_url must be a web address, got .*/releases/download/TAG"):
        release(root, [bundle], tmp_path / "dist", url)
    assert not (tmp_path / "dist").exists()


def test_a_changed_bundle_is_not_released(root, bundle, tmp_path):
    edit(bundle / "configs" / "inference.json", lambda config: config.update(threshold=0.4))
    with pytest.raises(ValueError, match="its content changed since version 0.1.0 was recorded"):
        release(root, [bundle], tmp_path / "dist", URL)
    assert not (tmp_path / "dist").exists()


def test_zips_of_another_release_are_not_mixed_in(root, bundle, tmp_path):
    (tmp_path / "aura_v3_v0.0.9.zip").touch()
    (tmp_path / "aura_v3_v0.1.0.zip").touch()
    with pytest.raises(ValueError, match="holds zips of another release, aura_v3_v0.0.9.zip; remove them"):
        release(root, [bundle], tmp_path, URL)
    assert not (tmp_path / "SHA256SUMS").exists()


IN_THE_MIDDLE = """
import os, signal, sys
from pathlib import Path
from tools.bundle.release import draft_folder

with draft_folder(Path(sys.argv[1])) as draft:
    (draft / "aura_v3_v0.1.0.zip").write_bytes(b"half")
    print("begun", flush=True)
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def other_release(tmp_path):
    """A process in the middle of a release to ``tmp_path/dist``; it kills itself when its standard input ends."""
    command = [sys.executable, "-c", IN_THE_MIDDLE, str(tmp_path / "dist")]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        yield process
        process.kill()


def test_what_a_killed_release_left_is_cleared_and_a_running_one_is_left_alone(root, bundle, other_release, tmp_path):
    dist = tmp_path / "dist"
    before = everything(dist)
    with pytest.raises(RuntimeError, match="is in use by process .* set another --output"):
        release(root, [bundle], dist, URL)
    assert everything(dist) == before
    other_release.stdin.close()
    assert other_release.wait() == -signal.SIGKILL
    assert len(list(dist.glob(".release-*/*.zip"))) == 1
    written = release(root, [bundle], dist, URL)
    assert sorted(dist.iterdir()) == written


def test_a_release_that_fails_leaves_nothing(root, bundle, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("tools.bundle.release.release_notes", fail)  # the last thing made
    with pytest.raises(OSError, match="disk full"):
        release(root, [bundle], tmp_path / "dist", URL)
    assert not list((tmp_path / "dist").iterdir())
