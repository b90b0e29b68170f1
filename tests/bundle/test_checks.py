"""What the checks of `verify` compare, each with what it is given."""

from contextlib import contextmanager
from types import SimpleNamespace

import onnx
import pytest

from tools.bundle.checks import agreement, download, export
from tools.bundle.checks.agreement import different_steps, different_values
from tools.bundle.checks.download import published_sum
from tools.bundle.checks.facts import (
    class_names,
    input_range_problems,
    label_problems,
    output_range_problems,
    size_problems,
    tensor_problems,
)
from tools.bundle.checks.parity import axis_length, input_sizes
from tools.bundle.checks.parity import problems as parity_problems
from tools.bundle.checks.subject import NotApplicable
from tools.bundle.clean_process import Finished
from tools.bundle.probes import onnx_file
from tools.bundle.weights import file_hash


def test_what_checks_compare():
    assert tensor_problems("x", {"num_channels": 3, "spatial_shape": [8]}, {"shape": [1, 1, 16]}) == [
        "x: num_channels is 3, the network has 1",
        "x: spatial_shape is [8], the network has [16]",
    ]
    assert tensor_problems("x", {"num_channels": 1, "spatial_shape": ["8*n", "*"]}, {"shape": [1, 1, 16, 5]}) == []
    assert "img_size in inference.json is [16, 16]" in size_problems([8, 8], [16, 16])[0]
    assert "gives 0 to 2" in input_range_problems("x", [0, 1], {"low": 0.0, "high": 2.0})[0]
    assert input_range_problems("x", [0, 1], {"low": 0.0, "high": 0.9}) == []
    seen = {"activations": ["sigmoid"], "activated": {"low": 0.4, "high": 0.6}}
    assert output_range_problems("y", [0, 1], seen) == []
    assert "sigmoid gives [0, 1]" in output_range_problems("y", [-1, 1], seen)[0]
    plain = {"activations": [], "activated": {"low": -4.0, "high": 0.6}}
    assert "goes from -4 to 0.6" in output_range_problems("y", [0, 1], plain)[0]


@pytest.mark.parametrize(
    ("labels", "channels", "names", "said"),
    [
        ({"0": "background", "1": "tumour"}, 1, ["tumour"], None),
        ({"0": "stomach", "1": "bowel"}, 2, ["stomach", "bowel"], None),
        ({"0": "background", "2": "tumour"}, 1, [], "must give labels 0, 1, 2"),
        ({"0": "background", "1": "background"}, 1, [], "must give labels 0, 1, 2"),
        ({"0": "background"}, 1, [], "has 1 labels for 1 channels"),
        ({"0": "background", "1": "tumour"}, 1, ["lesion"], "names ['tumour'], the metrics in train.json ['lesion']"),
    ],
)
def test_a_table_of_labels_fits_channels_and_metrics(labels, channels, names, said):
    problems = label_problems("y", {"num_channels": channels, "channel_def": labels}, names)
    assert said in problems[0] if said else problems == []


def test_names_of_classes_are_found_wherever_they_stand():
    assert class_names({"a": [{"b": {"class_names": ["x", "y"]}}]}) == ["x", "y"]
    assert class_names({"a": 1}) == []


def step(name, **options):
    return {"_target_": name, **options}


def test_differences_between_configurations_are_named():
    assert different_values({"a": 1, "b": 2, "run": 1}, {"a": 1, "b": 3, "run": 2, "c": 4}) == [
        "b is 2 in train.json and 3 in inference.json; make them equal"
    ]
    train = {"preprocessing_steps": [step("Load", keys=["image", "label"]), step("Scale", by=2)]}
    same = {"validate#preprocessing": {"transforms": [step("Load", keys="image"), step("Scale", by=2)]}}
    named = {"preprocessing": {"transforms": [step("Load"), step("Scale", by=2), step("x.CaseNamed")]}}
    assert different_steps(train, same, named) == []
    swapped = {"preprocessing": {"transforms": [step("Scale", by=2), step("Load")]}}
    assert different_steps(train, same, swapped) == [
        "inference.json (preprocessing) has the steps of train.json in another order; make it the same"
    ]
    other = {"preprocessing": {"transforms": [step("Load"), step("Scale", by=3)]}}
    assert [line.split(" has ")[0] for line in different_steps(train, same, other)] == [
        "only train.json (preprocessing_steps)",
        "only inference.json (preprocessing)",
    ]


@pytest.mark.parametrize(
    ("size", "expected"), [(32, 32), ("32*n", 64), ("32 * n", 64), ("2**p*n", 8), ("n**2", 4), ("*", 128)]
)
def test_patterns_of_sizes(size, expected):
    assert axis_length(size, 2) == expected
    assert input_sizes(1, [size])[1] == [2, 1, expected]


@pytest.mark.parametrize(
    ("compared", "said"),
    [
        ([(9e-5, 3.0), (1e-7, 0.02)], None),
        ([(9e-5, 3.0), (5e-5, 0.02)], "eager by 5.0e-05 for an input of [2, 1, 8], above 2e-06;"),
        ([(2e-4, 3.0), (0.0, 0.0)], "by 2.0e-04 for an input of [1, 1, 8], above 1e-04; look here, or state in"),
        ([(float("nan"), 1.0), (0.0, 1.0)], "by nan for an input of [1, 1, 8]"),
    ],
)
def test_an_exported_form_may_be_off_by_a_share_of_a_small_output(compared, said, tmp_path):
    image = {"num_channels": 1, "spatial_shape": [8]}
    subject = SimpleNamespace(
        exemption=lambda form: None, facts={"network_data_format": {"inputs": {"image": image}}}, weights=None,
        folder=lambda form: tmp_path, config_file=lambda name: None, probe=lambda name, **argument: compared,
    )  # fmt: skip
    found = parity_problems(subject, "torchscript", "look here")
    assert said in found[0] if said else found == []


def test_exports_that_are_all_exempt_are_shown_with_their_reasons():
    subject = SimpleNamespace(facts={"verification": {"torchscript": "a hook", "onnx": "no operator"}})
    with pytest.raises(NotApplicable, match="exempt: a hook; no operator"):
        export.check(subject)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data, ""),
        (lambda data: data[: len(data) // 2], "parse"),
        (lambda data: data.replace(b"Relu", b"Rolu"), "No Op registered for Rolu"),
        (lambda data: b"", "ir_version"),
    ],
)
def test_what_onnx_has_against_a_file(change, said, tmp_path):
    tensors = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "ab"]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["a"], ["b"])], "graph", tensors[:1], tensors[1:])
    file = tmp_path / "model.onnx"
    file.write_bytes(change(onnx.helper.make_model(graph).SerializeToString()))
    answer = onnx_file.probe({"file": str(file)})
    assert said in answer
    assert bool(answer) is bool(said)


def test_an_exemption_without_a_reason_is_none(tmp_path):
    subject = SimpleNamespace(facts={"verification": {"torchscript": "a hook", "onnx": ""}}, root=tmp_path)
    subject.folder, subject.elsewhere = lambda name: tmp_path, tmp_path
    subject.clean = SimpleNamespace(module=lambda *words: Finished(1, "", "no graph"))
    assert [line.split(" from")[0] for line in export.check(subject)] == ["python -m monai.bundle onnx_export"]


def test_nothing_but_the_zip_is_served(tmp_path, monkeypatch):
    archive = tmp_path / "home" / "toy_v1.0.0.zip"
    archive.parent.mkdir()
    archive.write_bytes(b"zip")
    (archive.parent / "private.txt").write_text("not for others")
    served = []

    @contextmanager
    def server(folder):
        served.extend((path.name, path.read_bytes()) for path in folder.iterdir())
        yield "http://127.0.0.1"

    monkeypatch.setattr(download, "server", server)
    subject = SimpleNamespace(
        name="toy", archive=archive, elsewhere=tmp_path, folder=lambda name: made(tmp_path / name),
        clean=SimpleNamespace(module=lambda *words: Finished(1, "", "no such address")),
    )  # fmt: skip
    assert "no such address" in download.check(subject)[0]
    assert served == [(archive.name, b"zip")]


def made(folder):
    folder.mkdir(exist_ok=True)
    return folder


def test_the_sum_that_was_published_for_a_zip_is_the_one_beside_it(tmp_path):
    archive = tmp_path / "toy_v1.0.0.zip"
    archive.write_bytes(b"zip")
    assert published_sum(archive) == ("the packed file", file_hash(archive))
    (tmp_path / "SHA256SUMS").write_text(f"abc  {archive.name}\n")
    assert published_sum(archive) == ("SHA256SUMS beside it", "abc")
    (tmp_path / "SHA256SUMS").write_text("abc  other_v1.0.0.zip\n")
    assert published_sum(archive) == ("SHA256SUMS beside it", "nothing of it")


def test_a_config_without_the_steps_of_an_image_is_named():
    inference = {"preprocessing": {"transforms": []}, "threshold": 0.5}
    given = {"train": {"threshold": 0.4}, "evaluate": {}, "inference": inference}
    problems = agreement.check(SimpleNamespace(config=given.get))
    assert "threshold is 0.4 in train.json and 0.5" in problems[0]
    assert problems[1].startswith("configs/train.json has no preprocessing_steps")
    assert problems[2].startswith("configs/evaluate.json has no validate#preprocessing")
    assert len(problems) == 3
