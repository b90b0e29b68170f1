from tools.own_command import PACKAGE, own_command


def test_the_folder_is_named_only_where_the_command_would_not_work(monkeypatch, tmp_path):
    monkeypatch.chdir(PACKAGE.parent)
    assert own_command("report RUN") == "python -m tools report RUN"
    monkeypatch.chdir(tmp_path)
    assert own_command("report RUN") == f"python -m tools report RUN (in the folder {PACKAGE.parent})"
