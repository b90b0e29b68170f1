import pytest

from tools.bundle.tables import bundle_tables, collection_table, result, table

FACTS = {
    "version": "0.10.0",
    "monai_version": "1.6.1",
    "pytorch_version": "2.13.0",
    "numpy_version": "2.4.6",
    "required_packages_version": {"fire": "0.7.1"},
    "changelog": {"0.2.0": "Second", "0.10.0": "Tenth | with\na bar", "0.1.0": "First"},
    "eval_metrics": {},
    "network_data_format": {
        "inputs": {
            "image": {
                "type": "image", "num_channels": 2, "spatial_shape": [32, 48], "dtype": "float32",
                "value_range": [0, 1], "channel_def": {"0": "wide window", "1": "narrow window"},
            }
        },
        "outputs": {
            "pred": {
                "type": "probabilities", "num_channels": 3, "spatial_shape": [32, 48], "dtype": "float32",
                "value_range": [], "channel_def": {"10": "ten", "0": "background", "2": "two"},
            }
        },
    },
}  # fmt: skip


def rows(name):
    return bundle_tables(FACTS)[name].splitlines()[2:]


def test_labels_come_in_the_order_of_their_values():
    assert rows("labels") == ["| 0 | background |", "| 2 | two |", "| 10 | ten |"]


def test_tensors_say_channels_size_values_and_meaning():
    assert rows("tensors") == [
        "| input `image` | image | 2 x 32 x 48 | float32 | 0 to 1 | 0 wide window, 1 narrow window |",
        "| output `pred` | probabilities | 3 x 32 x 48 | float32 | any | 10 ten, 0 background, 2 two |",
    ]


def test_packages_begin_with_those_that_have_a_field_of_their_own():
    assert [row.split("|")[1].strip() for row in rows("packages")] == ["monai", "torch", "numpy", "fire"]


def test_versions_are_sorted_as_numbers_and_their_words_stay_in_their_cell():
    assert rows("versions") == ["| 0.10.0 | Tenth \\| with a bar |", "| 0.2.0 | Second |", "| 0.1.0 | First |"]


def test_a_table_is_one_that_markdown_knows():
    assert table(("a", "b"), [(1, 2)]) == "| a | b |\n|---|---|\n| 1 | 2 |"


@pytest.mark.parametrize(
    ("metrics", "weights", "words"),
    [
        ({}, False, "no published weights yet"),
        ({}, True, "no score stated"),
        ({"mean_dice": 0.81}, True, "mean_dice 0.81"),
        ({"mean_dice": 0.81}, False, "mean_dice 0.81; no published weights yet"),
    ],
)
def test_the_result_is_what_is_published(tmp_path, metrics, weights, words):
    if weights:
        (tmp_path / "large_files.yml").touch()
    assert result(tmp_path, {"eval_metrics": metrics}) == words


def test_weights_that_git_holds_are_published(tmp_path):
    facts = {"eval_metrics": {"auc": 0.95}, "weights": "trained on the training part"}
    assert result(tmp_path, facts) == "auc 0.95"
    assert result(tmp_path, facts | {"weights": ""}) == "auc 0.95; no published weights yet"


def test_a_training_of_ones_own_publishes_nothing(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model.pt").touch()
    assert result(tmp_path, {"eval_metrics": {}}) == "no published weights yet"


def test_the_table_of_a_collection_has_a_row_a_bundle(bundle):
    lines = collection_table([bundle]).splitlines()
    assert lines[2] == (
        "| [aura_v3](bundles/aura_v3/docs/README.md) | chest CT, NIfTI or DICOM | 0 background, "
        "1 gross tumour volume | NSCLC-Radiomics | no published weights yet |"
    )
