import stat
import zipfile

import pytest

from tools.bundle.unpack import unpack


def archive(folder, *members, name="toy_v1.0.0.zip"):
    path = folder / name
    with zipfile.ZipFile(path, "w") as content:
        for member in members:
            content.writestr(member, "text")
    return path


def link(name):
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


def test_a_zip_is_unpacked_into_its_one_folder(tmp_path):
    root = unpack(archive(tmp_path, "toy/LICENSE", "toy/configs/train.json"), tmp_path / "out")
    assert root == tmp_path / "out" / "toy"
    assert (root / "configs" / "train.json").read_text() == "text"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (["toy/../../x"], "member 'toy/../../x' lies outside toy/"),
        (["/etc/x"], "member '/etc/x' lies outside toy/"),
        (["other/x"], "member 'other/x' lies outside toy/"),
        (["toy\\..\\x"], "lies outside toy/"),
        ([link("toy/x")], "member 'toy/x' is a link or a device; only files may be packed"),
        (["toy/a", "toy/A"], "member 'toy/a' comes twice"),
        ([], "it is empty"),
        (["other/x", link("toy/x")], "'other/x' lies outside toy/; member 'toy/x' is a link"),
    ],
)
def test_a_zip_that_is_not_safe_is_not_unpacked_at_all(members, said, tmp_path):
    path = archive(tmp_path, *members)
    with pytest.raises(ValueError, match="was not unpacked") as caught:
        unpack(path, tmp_path / "out")
    assert said in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_zip_must_be_one_and_be_named_as_packing_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="python -m tools pack"):
        unpack(tmp_path / "toy_v1.0.0.zip", tmp_path)
    with pytest.raises(ValueError, match="toy.zip must be called NAME_vX.Y.Z.zip"):
        unpack(archive(tmp_path, "toy/x", name="toy.zip"), tmp_path)
    (tmp_path / "toy_v2.0.0.zip").write_bytes(b"no zip")
    with pytest.raises(ValueError, match="toy_v2.0.0.zip is damaged"):
        unpack(tmp_path / "toy_v2.0.0.zip", tmp_path)
