import json
import subprocess
import sys

import pytest
from monai.bundle import ConfigWorkflow

from tools.bundle.running_config import running_config, running_metadata
from tools.bundle.start import check_names, report_root_cause, root_cause

CONFIG = {
    "batch_size": 4,
    "size": "$@batch_size * 2",
    "seen": {"_target_": "tools.bundle.running_config.running_config"},
    "initialize": [{"_target_": "tools.bundle.start.begin"}],
    "run": ["@size", "@seen"],
}


@pytest.fixture
def configs(tmp_path):
    folder = tmp_path / "toy" / "configs"
    folder.mkdir(parents=True)
    (folder / "train.json").write_text(json.dumps(CONFIG))
    (folder / "evaluate.json").write_text(json.dumps({"threshold": 0.5}))
    (folder / "metadata.json").write_text(json.dumps({"version": "1.2.3"}))
    return folder


def workflow(configs, **override):
    return ConfigWorkflow(str(configs / "train.json"), workflow_type="train", logging_file=False, **override)


def test_known_overrides_pass_and_take_effect(configs):
    flow = workflow(configs, batch_size=8, threshold=0.3)
    flow.initialize()
    assert flow.run()[0] == 16


@pytest.mark.parametrize(("text", "value"), [("false", False), ("True", True), ("falsehood", "falsehood")])
def test_true_and_false_on_the_command_line_are_booleans(configs, text, value):
    flow = workflow(configs, batch_size=1, threshold=text)
    flow.initialize()
    assert flow.run()[1]["threshold"] == value
    assert flow.parser.get_parsed_content("threshold") == value


def test_a_misspelt_override_is_refused_with_the_name_that_was_meant(configs):
    flow = workflow(configs, batch_sise=8)
    with pytest.raises(RuntimeError) as caught:
        flow.initialize()
    assert "unknown override: 'batch_sise' (did you mean 'batch_size'?)" in str(root_cause(caught.value))


def test_all_misspelt_names_are_reported_at_once():
    with pytest.raises(ValueError, match="'epocs'.*'sead'"):
        check_names({"sead", "epocs", "seed"}, {"seed", "max_epochs"})


def test_a_component_sees_the_configuration_that_builds_it(configs):
    flow = workflow(configs, batch_size=8)
    flow.initialize()
    assert flow.run()[1]["batch_size"] == 8
    assert running_config() == {}
    assert running_metadata() == {}


def test_the_last_line_is_the_root_cause(capsys):
    try:
        try:
            raise FileNotFoundError("no folder\n  /data/x")
        except FileNotFoundError as error:
            raise RuntimeError("Failed to instantiate component") from error
    except RuntimeError as error:
        report_root_cause(type(error), error, error.__traceback__)
    assert capsys.readouterr().err.splitlines()[-1] == "error: FileNotFoundError: no folder /data/x"


def test_a_failing_bundle_ends_with_the_root_cause(configs):
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", str(configs / "train.json"), "--sead", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stderr.strip().splitlines()[-1].startswith("error: ValueError: unknown override: 'sead'")
