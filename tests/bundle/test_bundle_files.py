import pytest

from tests.bundle.tiny_bundle import tiny_bundle
from tools.bundle.bundle_files import bundle_files, check_files
from tools.bundle.secret_scan import secret_lines, secret_name


@pytest.fixture
def source(tmp_path):
    return tiny_bundle(tmp_path)


def test_a_true_bundle_has_no_problems_whatever_runs_left(source):
    for name in ("models/model.pt", "eval/summary.json", "configs/__pycache__/x.pyc"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(b"x")
    assert check_files(source) == []
    assert not [name for name in bundle_files(source) if name.startswith(("models", "eval")) or "pycache" in name]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("docs/case.dcm", b"DICM", "does not belong"),
        ("configs/train.yaml", b"x: 1", "does not belong"),
        ("configs/old/train.json", b"{}", "does not belong"),
        ("scripts/run.py", b"", "does not belong"),
        (".DS_Store", b"", "do not begin with '.'"),
        ("docs/two words.md", b"", "names are letters, digits"),
        ("docs/latin.txt", b"\xe9", "text must be UTF-8"),
        ("docs/large.txt", b" " * 6_000_000, "6 MB; files other than weights have at most 5 MB"),
        ("LICENSE.key", b"", "name that secrets have"),
        ("docs/id_rsa", b"", "name that secrets have"),
        ("docs/readme.MD", b"", "names that differ only in case: docs/README.md, docs/readme.MD"),
    ],
)
def test_what_does_not_belong(source, name, content, message):
    (source / name).parent.mkdir(exist_ok=True)
    (source / name).write_bytes(content)
    assert [problem for problem in check_files(source) if name in problem and message in problem]


def test_links_lead_nowhere(source, tmp_path):
    (tmp_path / "outside.md").write_text("outside")
    (tmp_path / "folder").mkdir()
    (source / "docs" / "link.md").symlink_to(tmp_path / "outside.md")
    (source / "docs" / "figures").symlink_to(tmp_path / "folder")
    (source / "docs" / "broken.md").symlink_to("nowhere")
    assert sorted(check_files(source)) == [
        f"docs/{name}: a symbolic link; put the file itself there" for name in ("broken.md", "figures", "link.md")
    ]
    assert "docs/link.md" not in bundle_files(source)
    (tmp_path / "other").symlink_to(source)
    assert check_files(tmp_path / "other") == [f"{tmp_path / 'other'}: a symbolic link; put the folder itself there"]


def test_missing_files_and_a_wrong_name(source):
    (source / "LICENSE").unlink()
    (source / "configs" / "logging.conf").unlink()
    assert check_files(source) == ["LICENSE: missing", "configs/logging.conf: missing"]
    wrong = source.rename(source.with_name("Aura-V3"))
    assert "'Aura-V3': a bundle's name is lower-case words" in check_files(wrong)[0]
    assert "is no folder of a bundle" in check_files(wrong / "nothing")[0]


# put together here, so that no scanner takes this file for a leak
SECRETS = {
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "an AWS key": "key = AKIA" + "ABCDEFGHIJKLMNOP",
    "a GitHub token": "ghp_" + "a1" * 18,
    "a Hugging Face token": "hf_" + "aB" * 17,
    "a Slack token": "xoxb-" + "1234567890-abc",
    "a JSON web token": "eyJ" + "hbGciOiJIUzI1.eyJ" + "zdWIiOiIxMjM0",
    "a password in an address": "https://someone:" + "word@example.org",
    "a password": "api_key" + ' = "0123456789"',
}


@pytest.mark.parametrize(("kind", "line"), SECRETS.items())
def test_a_line_that_looks_like_a_secret_is_named_and_not_shown(source, kind, line):
    page = source / "docs" / "README.md"
    page.write_text(f"{page.read_text()}\n{line}\n")
    found = check_files(source)
    assert len(found) == 1
    assert f"looks like {kind};" in found[0]
    assert line not in found[0]


def test_ordinary_lines_and_names_are_no_secrets():
    lines = ["tokens after layers 3, 6, 9", "secret santa", "https://doi.org/10.7937/K9", "sk-learn", "password: ask"]
    assert secret_lines("page", "\n".join(lines)) == []
    assert not any(map(secret_name, ("train.json", "README.md", "keys.md", "tokens.md")))
    assert all(map(secret_name, (".env", ".env.local", "server.PEM", "id_ed25519", "credentials.json", "token.txt")))
