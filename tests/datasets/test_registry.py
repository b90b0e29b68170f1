import pytest

from tools.datasets.registry import DATASETS, DatasetEntry, dataset_entry


def test_what_is_offered_is_here():
    assert "nsclc_radiomics" in DATASETS
    for entry in DATASETS.values():
        assert callable(entry.prepare())
        assert callable(entry.write_phantom())


@pytest.mark.parametrize(("module", "phantom"), [("nothing", "nsclc_phantom"), ("nsclc_radiomics", "nothing")])
def test_a_data_set_without_its_modules_is_not_here(module, phantom):
    assert not DatasetEntry(module, phantom, "", "").is_here()


def test_an_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(
        ValueError, match="unknown data set 'nsclc'; those there are: kermany, msd_lung, nsclc_radiomics"
    ):
        dataset_entry("nsclc")


def test_what_a_converter_can_be_told():
    assert "without_test" in dataset_entry("kermany").options()
    assert "allow_empty" in dataset_entry("nsclc_radiomics").options()
    assert not {"source", "output", "allow_empty"} & dataset_entry("kermany").options()
