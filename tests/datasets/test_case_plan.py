import shutil

import numpy as np
import pytest

from tests.datasets.dicom_factory import item, make_ct, make_enhanced_ct, make_rtstruct, make_seg, save
from tools.datasets.case_mask import target_mask
from tools.datasets.case_plan import case_name, plan_cases
from tools.datasets.dicom_files import scan_folder

ROI = r"(?i)^GTV[-_ ]?1$"


def planned(folder, roi=ROI):
    return plan_cases(scan_folder(folder), roi)


def only(folder, roi=ROI):
    (case,) = planned(folder, roi)
    return case


def box(ct, index=2, low=(2.5, 2.5), high=(6.5, 5.5)):
    return ct.box(low, high, index)


@pytest.fixture
def ct(tmp_path):
    return make_ct(tmp_path / "study" / "ct")


@pytest.mark.parametrize(
    ("patient", "name"),
    [("LUNG1-001", "LUNG1-001"), ("113_HM10395", "113_HM10395"), ("1", "1")],
)
def test_a_plain_patient_id_is_the_case_name(patient, name):
    assert case_name(patient) == name


HOSTILE = ["../../etc/passwd", "/abs", "..", "a/b", ".hidden", "a\x00b", "-rf", "Ä b", "x" * 200]


@pytest.mark.parametrize("patient", HOSTILE)
def test_a_hostile_patient_id_becomes_one_harmless_unique_name(patient):
    name = case_name(patient)
    assert "/" not in name
    assert ".." not in name.strip("_")
    assert name[0].isalnum()
    assert len(name) < 80
    assert name.isascii()
    assert name.isprintable()
    assert case_name(patient + "?") != name


def test_a_missing_patient_id_is_named_after_the_study(tmp_path):
    assert case_name("", "1.2") == case_name(" ", "1.2") != case_name("", "1.3")


def test_the_series_that_the_structure_set_references_is_taken(tmp_path, ct):
    other = make_ct(tmp_path / "other", study=ct.study, frame=ct.frame)
    make_enhanced_ct(ct, tmp_path / "enhanced.dcm")
    make_rtstruct(ct, tmp_path / "rt.dcm", {"GTV-1": [box(ct)]})
    case = only(tmp_path)
    assert case.series.uid == ct.series != other.series
    assert case.name == case.patient == "LUNG1-001"
    assert "2 further CT series of the patient have no outline" in case.findings.warnings[0]
    assert target_mask(case).sum() == 12


def test_a_structure_set_of_another_series_is_a_problem(tmp_path, ct):
    make_rtstruct(ct, tmp_path / "rt.dcm", {"GTV-1": [box(ct)]}, series="1.2.3.444444444444")
    assert "references series ...444444444444, which is not here" in only(tmp_path).findings.problems[0]


def test_without_a_reference_the_only_ct_with_its_frame_of_reference_is_taken(tmp_path, ct):
    make_rtstruct(ct, tmp_path / "rt.dcm", {"GTV-1": [box(ct)]}, reference=False)
    case = only(tmp_path)
    assert case.series.uid == ct.series
    assert "names no series; matched to the only CT" in case.findings.warnings[0]
    make_ct(tmp_path / "other", study=ct.study, frame=ct.frame)
    assert "names no series, and 2 CT series share" in only(tmp_path).findings.problems[0]


def test_two_outlined_ct_of_a_patient_are_two_cases_of_one_patient(tmp_path, ct):
    other = make_ct(tmp_path / "other", study=ct.study)
    for index, one in enumerate((ct, other)):
        make_rtstruct(one, tmp_path / f"rt{index}.dcm", {"GTV-1": [box(one)]})
    cases = planned(tmp_path)
    assert {case.patient for case in cases} == {"LUNG1-001"}
    assert len({case.name for case in cases}) == 2
    assert all(not case.findings.problems for case in cases)


def test_no_matching_name_lists_the_names_there_are(tmp_path, ct):
    make_rtstruct(ct, tmp_path / "rt.dcm", {"Heart": [box(ct)], "GTV-2": [box(ct)]})
    assert "there are: Heart, GTV-2; choose another pattern" in only(tmp_path).findings.problems[0]
    assert not only(tmp_path, "heart|Heart").findings.problems


def test_two_matching_names_are_not_merged(tmp_path, ct):
    make_rtstruct(ct, tmp_path / "rt.dcm", {"GTV-1": [box(ct)], "gtv 1": [box(ct)]})
    assert "exactly one structure must match" in only(tmp_path).findings.problems[0]
    assert "'GTV-1', 'gtv 1'; narrow it" in only(tmp_path).findings.problems[0]


def test_two_structure_sets_on_one_ct_are_a_problem_and_exact_copies_are_not(tmp_path, ct):
    make_rtstruct(ct, tmp_path / "rt.dcm", {"GTV-1": [box(ct)]})
    shutil.copy(tmp_path / "rt.dcm", tmp_path / "copy.dcm")
    assert not only(tmp_path).findings.problems
    make_rtstruct(ct, tmp_path / "second.dcm", {"GTV-1": [box(ct)]})
    assert "2 RTSTRUCT files outline the target on the same CT" in only(tmp_path).findings.problems[0]


def test_an_outline_without_a_ct_and_a_ct_without_an_outline_are_problems(tmp_path, ct):
    lonely = make_ct(tmp_path / "none", patient="LUNG1-002", write=False)
    make_rtstruct(lonely, tmp_path / "rt.dcm", {"GTV-1": [box(lonely)]})
    make_ct(tmp_path / "mr", patient="LUNG1-003", change=lambda index, dataset: setattr(dataset, "Modality", "MR"))
    texts = {case.name: case.findings.problems[0] for case in planned(tmp_path)}
    assert "an RTSTRUCT or SEG is needed beside the CT" in texts["LUNG1-001"]
    assert "a CT series is needed, found only RTSTRUCT" in texts["LUNG1-002"]
    assert "a CT series is needed, found only MR" in texts["LUNG1-003"]


def seg_frame(voxels):
    pixels = np.zeros((10, 12))
    for column, row in voxels:
        pixels[row, column] = 1
    return pixels


def test_an_rtstruct_is_preferred_and_a_seg_that_differs_is_told(tmp_path, ct):
    inside = [(column, row) for column in range(3, 7) for row in range(3, 6)]
    make_seg(ct, tmp_path / "seg.dcm", [(1, 2, seg_frame(inside))], ["gtv 1"])
    make_rtstruct(ct, tmp_path / "rt.dcm", {"GTV-1": [box(ct)]})
    case = only(tmp_path)
    assert [outline.modality for outline in case.outlines] == ["RTSTRUCT", "SEG"]
    assert target_mask(case).sum() == 12
    assert not case.findings.warnings
    make_seg(ct, tmp_path / "seg.dcm", [(1, 2, seg_frame(inside[:6]))], ["gtv 1"])
    case = only(tmp_path)
    assert target_mask(case).sum() == 12
    assert "RTSTRUCT 'GTV-1' and SEG 'gtv 1' agree with a Dice of only 0.667" in case.findings.warnings[0]
    make_seg(ct, tmp_path / "seg.dcm", [(1, 2, seg_frame(inside))], ["gtv 1"], shift_mm=1)
    case = only(tmp_path)
    assert target_mask(case).sum() == 12
    assert "the SEG beside it could not be compared" in case.findings.warnings[0]


def test_files_without_a_patient_id_belong_together_by_study(tmp_path):
    ct = make_ct(tmp_path / "ct", patient="")
    make_rtstruct(ct, tmp_path / "rt.dcm", {"GTV-1": [box(ct)]})
    case = only(tmp_path)
    assert case.name.startswith("unnamed-")
    assert "two studies of one person may fall into different parts of the split" in case.findings.warnings[-1]
    assert target_mask(case).sum() == 12


def test_an_outline_on_two_ct_series_is_a_problem(tmp_path, ct):
    other = make_ct(tmp_path / "other", study=ct.study)
    dataset = make_rtstruct(ct, tmp_path / "rt.dcm", {"GTV-1": [box(ct)]})
    study = dataset.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
    study.RTReferencedSeriesSequence.append(item(SeriesInstanceUID=other.series))
    save(dataset, tmp_path / "rt.dcm")
    assert "must reference one CT series, found 2" in only(tmp_path).findings.problems[0]


def test_an_outline_that_cannot_be_read_is_a_problem_of_its_patient(tmp_path, ct):
    dataset = make_rtstruct(ct, tmp_path / "rt.dcm", {"GTV-1": [box(ct)]})
    del dataset.StructureSetROISequence[0].ROINumber
    save(dataset, tmp_path / "rt.dcm")
    assert "cannot be read" in only(tmp_path).findings.problems[0]


def test_a_seg_alone_serves(tmp_path, ct):
    make_seg(ct, tmp_path / "seg.dcm", [(2, 2, seg_frame([(4, 7)]))], ["Lung", "GTV-1"])
    assert np.argwhere(target_mask(only(tmp_path))).tolist() == [[4, 7, 2]]


def test_an_empty_target_is_a_problem_unless_allowed_or_a_phantom(tmp_path, ct):
    make_rtstruct(ct, tmp_path / "rt.dcm", {"GTV-1": []})
    case = only(tmp_path)
    assert target_mask(case) is None
    assert "'GTV-1' has no contour or voxel" in case.findings.problems[0]
    case = only(tmp_path)
    assert target_mask(case, allow_empty=True).sum() == 0
    assert "kept as a patient without target" in case.findings.warnings[0]
    shutil.rmtree(tmp_path / "study")
    phantom = make_ct(tmp_path / "study", manufacturer="MONAI bundle phantom")
    make_rtstruct(phantom, tmp_path / "rt.dcm", {"GTV-1": []})
    assert only(tmp_path).is_phantom
    assert target_mask(only(tmp_path)).sum() == 0


def test_slices_that_the_structure_set_knows_and_the_folder_lacks_are_told(tmp_path):
    ct = make_ct(tmp_path / "ct", leave_out=(4, 5))
    make_rtstruct(ct, tmp_path / "rt.dcm", {"GTV-1": [box(ct, index) for index in (2, 3, 4, 5)]})
    case = only(tmp_path)
    assert target_mask(case).sum() == 24
    assert "drawn on 6 slices, 2 of them are not here" in case.findings.warnings[0]
    assert "2 of 4 contour(s) lie beyond the 4 slices (up to 6.0 mm after the stack)" in case.findings.warnings[1]


def test_ids_that_differ_only_in_case_are_a_problem(tmp_path):
    for patient in ("abc", "ABC"):
        ct = make_ct(tmp_path / patient / "ct", patient=patient)
        make_rtstruct(ct, tmp_path / patient / "rt.dcm", {"GTV-1": [box(ct)]})
    assert "differ only in upper and lower case" in planned(tmp_path)[1].findings.problems[0]


def test_a_ct_without_a_frame_of_reference_is_told(tmp_path):
    ct = make_ct(tmp_path / "ct", change=lambda index, dataset: delattr(dataset, "FrameOfReferenceUID"))
    make_rtstruct(ct, tmp_path / "rt.dcm", {"GTV-1": [box(ct)]})
    assert "no FrameOfReferenceUID" in only(tmp_path).findings.warnings[0]


@pytest.mark.parametrize("part", [0.2, 0.4, 0.6, 0.8, 0.95, 0.999])
def test_a_truncated_structure_set_never_passes_in_silence(tmp_path, ct, part):
    contours = [box(ct, index) for index in range(6)]
    make_rtstruct(ct, tmp_path / "rt.dcm", {"GTV-1": contours, "Lung": contours})
    whole = (tmp_path / "rt.dcm").read_bytes()
    (tmp_path / "rt.dcm").write_bytes(whole[: int(len(whole) * part)])
    tree = scan_folder(tmp_path)
    problems = list(tree.problems)
    for case in plan_cases(tree, ROI):
        problems += case.findings.problems
        if not problems:
            try:
                assert target_mask(case, allow_empty=True) is None
                problems += case.findings.problems
            except Exception as error:
                problems.append(str(error))
    assert problems
