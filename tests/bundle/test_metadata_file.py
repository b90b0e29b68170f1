import json

import pytest

from tools.bundle.metadata_file import read_metadata, with_facts

TEXT = """{
    "version": "0.1.0",
    "changelog": {
        "0.1.0": "First"
    },
    "shape": [256, 256], "nested": {"version": "9.9.9"},
    "name": "Tumour, \\"GTV\\" { } \\u00e4"
}
"""


def test_only_the_fact_itself_changes():
    changed = with_facts(TEXT, version="0.2.0", changelog={"0.2.0": "Grün", "0.1.0": "First"})
    assert changed == TEXT.replace('"0.1.0",', '"0.2.0",').replace(
        '"0.1.0": "First"', '"0.2.0": "Grün",\n        "0.1.0": "First"'
    )


def test_what_is_there_already_keeps_its_layout():
    assert with_facts(TEXT, shape=[256, 256], nested={"version": "9.9.9"}) == TEXT


def test_another_order_is_another_content():
    text = with_facts(TEXT, changelog={"2.0.0": "b", "1.0.0": "a"})
    assert list(json.loads(with_facts(text, changelog={"1.0.0": "a", "2.0.0": "b"}))["changelog"]) == ["1.0.0", "2.0.0"]


def test_a_fact_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="the metadata has no 'eval_metrics'; add it"):
        with_facts(TEXT, eval_metrics={})


@pytest.mark.parametrize(("content", "message"), [("{", "is not JSON"), ("[1]", "an object, it holds a list")])
def test_what_is_no_metadata_is_refused_by_its_name(tmp_path, content, message):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "metadata.json").write_text(content)
    with pytest.raises(ValueError, match=rf"metadata\.json.*{message}"):
        read_metadata(tmp_path)
