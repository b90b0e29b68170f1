import torch
from monai.data import MetaTensor

from tools.transforms.case_name import CaseNamed


def item(**more):
    return {"image": MetaTensor(torch.zeros(1, 2, 2, 2), meta={"filename_or_obj": "series/1-001.dcm"}), **more}


def test_a_volume_is_named_after_its_case():
    named = CaseNamed("image")(item(patient="LUNG1-001"))
    assert named["image"].meta["filename_or_obj"] == "LUNG1-001.nii.gz"


def test_an_item_without_a_case_keeps_the_name_of_its_file():
    assert CaseNamed("image")(item())["image"].meta["filename_or_obj"] == "series/1-001.dcm"
