"""Every check of `verify` can fail: a bundle broken in one way fails that check, and only that."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bundle.broken_bundle import append, broken_zip, edit, record, settle, zipped
from tests.bundle.tiny_bundle import NAME
from tools.bundle.pack import pack
from tools.bundle.verify import CHECKS, verify

NETWORK = "networks/aura_vit.py"
# what these find depends on nothing but the vendored code, inference.json and these facts
FACTS = ("dataset", "network_data_format", "required_packages_version", "verification", "version")
OF_THE_NETWORK = {"torchscript", "onnx", "export", "load", "versions", "places", "facts", "network"}


def of_the_network(archive: Path) -> dict[str, object]:
    """Return what the checks of the network look at."""
    with zipfile.ZipFile(archive) as content:
        code = {name: content.read(name) for name in content.namelist() if "/aura_tools_" in name}
        facts = json.loads(content.read(f"{NAME}/configs/metadata.json"))
        inference = json.loads(content.read(f"{NAME}/configs/inference.json"))
    return {"code": code, "inference": inference, "facts": {name: facts.get(name) for name in FACTS}}


def expect_only(check: str, said: str, broken: Path, archive: Path, whole: Path, shop, monkeypatch) -> None:
    """Verify with every check but those of the network where what they read is as in the whole bundle."""
    same = of_the_network(archive) == of_the_network(whole)
    assert check not in OF_THE_NETWORK or not same
    monkeypatch.setattr(shop.clean, "process", shop.clean.module)  # a fork is as clean, and seconds faster
    wanted = [name for name in CHECKS if not (same and name in OF_THE_NETWORK)]
    outcomes = verify(broken, wanted, shop)
    failed = {outcome.check: outcome.message for outcome in outcomes if outcome.passed is False}
    assert list(failed) == [check], failed
    assert said in " ".join(failed[check].split()), failed[check]


def by_check(value: object) -> str:
    return value if value in CHECKS else ""


def unlike_training(bundle: Path) -> None:
    edit("configs/train.json", lambda config: config.update(threshold=0.4))(bundle)
    settle(bundle)


def without_inferer(bundle: Path) -> None:
    edit("configs/evaluate.json", lambda config: config.pop("inferer"))(bundle)
    settle(bundle)


def changed_in_silence(bundle: Path) -> None:
    edit("configs/train.json", lambda config: config.update(learning_rate=3e-5))(bundle)


def table_by_hand(bundle: Path) -> None:
    settle(bundle)
    docs = bundle / "docs" / "README.md"
    text = docs.read_text()
    assert "gross tumour volume |" in text
    docs.write_text(text.replace("gross tumour volume |", "tumour |"))
    record(bundle)


def secret(bundle: Path) -> None:
    (bundle / "configs" / "id_rsa").write_text("no key, but called like one")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("check", "change", "said"),
    [
        ("version", changed_in_silence, 'python -m tools sync aura_v3 --change "what changed"'),
        ("tables", table_by_hand, "docs/README.md is stale; run `python -m tools sync aura_v3`"),
        ("agreement", unlike_training, "threshold is 0.4 in train.json and 0.5 in inference.json; make them equal"),
        ("properties", without_inferer, "over configs/train.json lacks or misnames the properties inferer"),
    ],
    ids=by_check,
)
def test_a_broken_source(check, change: Callable, said, bundle, whole, shop, tmp_path, monkeypatch):
    change(bundle)
    expect_only(check, said, bundle, pack(bundle, tmp_path / "broken"), whole, shop, monkeypatch)


def test_a_bundle_that_cannot_be_packed_fails_the_check_of_files(bundle, shop):
    secret(bundle)
    first, *others = verify(bundle, shop=shop)
    assert (first.check, first.passed) == ("files", False)
    assert "configs/id_rsa: has a name that secrets have" in first.message
    assert {(other.passed, other.message) for other in others} == {
        (None, "waits until the bundle can be packed and built")
    }


def facts_of(part: str, **changes):
    def change(facts: dict) -> None:
        next(iter(facts["network_data_format"][part].values())).update(changes)

    return edit("configs/metadata.json", change)


def without(place: str) -> Callable:
    """Take the step with this ending of its class out of inference.json's postprocessing."""

    def change(config: dict) -> None:
        steps = config["postprocessing"]["transforms"]
        config["postprocessing"]["transforms"] = [step for step in steps if not step["_target_"].endswith(place)]

    return edit("configs/inference.json", change)


def only_from_the_parent(root: Path) -> None:
    def change(config: dict) -> None:
        assert ", '.', '" in config["bundle_root"]
        config["bundle_root"] = config["bundle_root"].replace(", '.', '", ", '")

    for name in ("train", "inference"):  # alike, as agreement wants it
        edit(f"configs/{name}.json", change)(root)


OTHER_FORWARD = """
def other_forward(self, x: torch.Tensor) -> torch.Tensor:
    y = self.decoder(self.encoder(x))
{branch}
    return y


AuraViT.forward = other_forward
"""
SCRIPTED = OTHER_FORWARD.format(branch="    if torch.jit.is_scripting():\n        y = y + 1.0")
EXPORTED = OTHER_FORWARD.format(
    branch="    if not torch.jit.is_scripting():\n        if torch.compiler.is_exporting():\n            y = y + 1.0"
)
FORGETFUL = """
def other_load(self, state_dict, strict=True, assign=False):
    changed = {name: tensor * 0.5 if name.endswith("weight") else tensor for name, tensor in state_dict.items()}
    return nn.Module.load_state_dict(self, changed, strict, assign)


AuraViT.load_state_dict = other_load
"""
SHARED = """
import sys  # noqa: E402

AuraViT = sys.modules.setdefault("one_network_for_all", sys.modules[__name__]).AuraViT
"""
# what MONAI's onnx_export reads back and saves; the check `onnx` exports by itself and does not come here
NO_OPERATOR = """
import onnx  # noqa: E402

right_load = onnx.load


def other_load(*args, **kwargs):
    model = right_load(*args, **kwargs)
    model.graph.node[0].op_type = "NoSuchOperator"
    return model


onnx.load = other_load
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("check", "change", "said"),
    [
        (
            "metadata",
            edit("configs/metadata.json", lambda facts: facts.update(authors=["A", "B"])),
            "metadata.json, authors: ['A', 'B'] is not of type 'string'; correct it there",
        ),
        (
            "facts",
            facts_of("inputs", value_range=[-1000, 400]),
            "inputs/image: value_range [-1000, 400] is much wider than what comes, preprocessing of a scan gives 0 to",
        ),
        ("network", facts_of("outputs", dtype="float16"), "dtype of output data `torch.float32` doesn't match"),
        ("torchscript", append(NETWORK, SCRIPTED), "torchscript differs from eager by 1.0e+00 for an input of [1, 1,"),
        ("onnx", append(NETWORK, EXPORTED), "onnx differs from eager by 1.0e+00 for an input of [1, 1, 64, 64]"),
        ("places", without("Invertd"), "from elsewhere"),
        ("load", append(NETWORK, FORGETFUL), "weights are not those of models/model.pt"),
        (
            "export",
            only_from_the_parent,
            "network_def must be built and run without a workflow around it",
        ),
        ("versions", append(NETWORK, SHARED), "AuraViT of the bundle in"),
        (
            "overrides",
            edit("configs/train.json", lambda config: config["initialize"].pop(0)),
            "first in initialize",
        ),
    ],
    ids=by_check,
)
def test_a_broken_zip(check, change: Callable, said, whole, shop, tmp_path, monkeypatch):
    archive = broken_zip(whole, tmp_path, change)
    expect_only(check, said, archive, archive, whole, shop, monkeypatch)


@pytest.mark.slow
def test_an_exported_onnx_file_that_is_no_model(whole, shop, tmp_path):
    archive = broken_zip(whole, tmp_path, append(NETWORK, NO_OPERATOR))
    parity, export = verify(archive, ["onnx", "export"], shop)
    assert (parity.passed, export.passed) == (True, False)
    assert "onnx.checker refuses model.onnx, No Op registered for NoSuchOperator" in export.message
    assert "ckpt_export" not in export.message


def test_every_check_has_a_bundle_that_only_it_finds():
    marks = [mark for test in (test_a_broken_source, test_a_broken_zip) for mark in test.pytestmark]
    broken = [case[0] for mark in marks if mark.name == "parametrize" for case in mark.args[1]]
    assert sorted([*broken, "files", "download"]) == sorted(CHECKS)  # these two have tests of their own below


def test_a_file_changed_after_packing(whole, shop, tmp_path, monkeypatch):
    shutil.unpack_archive(whole, tmp_path / "unpacked")
    root = tmp_path / "unpacked" / NAME
    licence = root / "docs" / "data_license.txt"
    licence.write_text(licence.read_text() + "Anything goes.\n")
    (root / "docs" / "more.txt").write_text("not listed\n")
    archive = zipped(root, tmp_path / whole.name)
    said = "docs/data_license.txt is not the file that was packed"
    expect_only("files", said, archive, archive, whole, shop, monkeypatch)


def test_a_zip_with_the_number_of_another_version(whole, shop, tmp_path, monkeypatch):
    archive = Path(shutil.copy(whole, tmp_path / f"{NAME}_v9.9.9.zip"))
    said = f"the zip is called {archive.name}, its metadata ask for {whole.name}; pack it again"
    expect_only("files", said, archive, archive, whole, shop, monkeypatch)


def test_another_file_than_the_published_one(whole, shop, tmp_path, monkeypatch):
    archive = Path(shutil.copy(whole, tmp_path))
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  {archive.name}\n")
    said = f"SHA256SUMS beside it says {'0' * 64}; publish both anew: python -m tools release"
    expect_only("download", said, archive, archive, whole, shop, monkeypatch)
