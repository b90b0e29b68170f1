"""The overfit run trains on its few patients with both overlays, and says plainly whether they were learnt."""

import json

import pytest

from tests.bundle.test_demo import calls, option  # noqa: F401 a fixture
from tools.bundle import overfit
from tools.bundle.collection import BUNDLES, bundle_names
from tools.bundle.overfit import Overfit

WITH_OVERLAY = [name for name in bundle_names() if (BUNDLES / name / "configs" / "overfit.json").is_file()]


def summary(folder, best, epochs=40):
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(
        {"metric": {"name": "dice", "best": best, "epoch": None if best is None else 35}, "epochs": epochs}
    )
    (folder / "summary.json").write_text(text)


@pytest.mark.parametrize("bundle", WITH_OVERLAY)
def test_trains_on_a_few_patients_and_tells_when_they_are_known(bundle, calls, tmp_path):  # noqa: F811
    summary(tmp_path / "out", 0.957)
    text = Overfit(bundle, tmp_path / "out", patients=3, seed=7).run()
    phantom, prepare, train = calls
    assert phantom[2] == {"patients": 3, "grade": "easy", "seed": 7}
    assert option(train, "dataset_dir") == option(prepare, "output")
    files = option(train, "config_file")
    assert files.index("train.json") < files.index("demo.json") < files.index("overfit.json")
    assert option(train, "resume") == "false"
    assert "Dice 0.957 in epoch 35, 0.95 was wanted" in text


@pytest.mark.parametrize(
    ("best", "said"), [(0.941, "best Dice 0.941 in epoch 35 of 40"), (None, "best Dice none of 40")]
)
def test_a_network_that_does_not_learn_is_a_failure(best, said, calls, tmp_path):  # noqa: F811
    summary(tmp_path, best)
    with pytest.raises(RuntimeError, match=f"did not learn its training patients by heart: {said}, 0.95 was wanted"):
        Overfit(WITH_OVERLAY[0], tmp_path, patients=3).run()


def test_refusals(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="patients must be at least 1, got 0"):
        Overfit(WITH_OVERLAY[0], tmp_path, patients=0)
    monkeypatch.setattr(overfit, "OVERLAY", "nowhere")
    with pytest.raises(ValueError, match="has no configs/nowhere.json; bundles that have one: none"):
        Overfit(WITH_OVERLAY[0], tmp_path, patients=3)
