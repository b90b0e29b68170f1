import copy

import pytest
from highdicom.color import CIELabColor
from pydicom.sr.codedict import codes

from tests.bundles.bundle_runs import BUNDLES, configs
from tools.transforms.segment_codes import describe, segment_problems

CODE = {"value": "39607008", "scheme": "SCT", "meaning": "Lung"}
SEGMENTS = [
    {
        "label": number,
        "name": f"lobe {number}",
        "category": {"value": "91723000", "scheme": "SCT", "meaning": "Anatomical Structure"},
        "type": CODE,
        "color_cielab": [50, 10.5 * number, -20],
    }
    for number in (1, 2, 3)
]


def test_a_description_holds_what_the_metadata_says():
    segments = copy.deepcopy(SEGMENTS)
    segments[1]["anatomic_region"] = {"value": "51185008", "scheme": "SCT", "meaning": "Chest"}
    assert segment_problems(segments, "net", "1.2.3") == []
    found = describe(segments, "net", "1.2.3")
    assert [item.SegmentNumber for item in found] == [1, 2, 3]
    assert [item.SegmentLabel for item in found] == ["lobe 1", "lobe 2", "lobe 3"]
    second = found[1]
    assert second.segmented_property_category == codes.SCT.AnatomicalStructure
    assert second.segmented_property_type == codes.SCT.Lung
    assert second.anatomic_regions[0].value == "51185008"
    assert "AnatomicRegionSequence" not in found[0]
    assert (second.SegmentAlgorithmType, second.SegmentAlgorithmName) == ("AUTOMATIC", "net")
    assert second.algorithm_identification.version == "1.2.3"
    assert second.algorithm_identification.family == codes.DCM.ArtificialIntelligence
    color = CIELabColor.from_dicom_value(second.RecommendedDisplayCIELabValue)
    assert (color.l_star, color.a_star, color.b_star) == pytest.approx((50, 21, -20), abs=0.01)
    assert second.TrackingID == "net: lobe 2"
    assert len({item.TrackingUID for item in found}) == 3


@pytest.mark.parametrize(
    ("number", "key", "value", "text"),
    [
        (0, "label", 2, "must be 1 to 3 in this order, found [2, 2, 3]"),
        (1, "name", "", "segment 2: name must be a text of 1 to 64 characters"),
        (1, "name", "left\\right", "segment 2: name must be a text"),
        (2, "type", {**CODE, "value": "1" * 17}, "segment 3: value of type must be a text of 1 to 16"),
        (2, "type", {"value": "1", "scheme": "SCT"}, "segment 3: meaning of type must be a text"),
        (2, "category", "39607008", "segment 3: value of category must be a text"),
        (0, "anatomic_region", {}, "segment 1: value of anatomic_region must be a text"),
        (0, "color_cielab", [101, 0, 0], "segment 1: color_cielab must be lightness 0 to 100"),
        (0, "color_cielab", [1, 2], "segment 1: color_cielab must be lightness 0 to 100"),
    ],
)
def test_what_dicom_cannot_hold_is_a_problem(number, key, value, text):
    segments = copy.deepcopy(SEGMENTS)
    segments[number][key] = value
    assert any(text in problem for problem in segment_problems(segments, "net", "1"))


def test_all_problems_are_listed():
    segments = copy.deepcopy(SEGMENTS)
    segments[0]["name"], segments[2]["color_cielab"] = None, None
    problems = segment_problems(segments, "n" * 65, "")
    assert len(problems) == 4
    assert segment_problems(None, "net", "1") == ["metadata.json must describe each label under 'segments', found none"]


@pytest.mark.parametrize("bundle", [name for name in BUNDLES if "dicom_seg" in configs(name, "inference")])
def test_the_segments_of_a_bundle_are_its_labels_in_codes_of_the_standard(bundle):
    facts = configs(bundle, "metadata")
    assert segment_problems(facts["segments"], facts["name"], facts["version"]) == []
    labels = {int(k): v for k, v in facts["network_data_format"]["outputs"]["pred"]["channel_def"].items() if k != "0"}
    assert {segment["label"]: segment["name"] for segment in facts["segments"]} == labels
    for segment in facts["segments"]:
        for kind, context in (("category", codes.cid7150), ("type", codes.cid7151)):
            known = {(code.value, code.scheme_designator, code.meaning) for code in context.concepts.values()}
            code = segment[kind]
            assert (code["value"], code["scheme"], code["meaning"]) in known
