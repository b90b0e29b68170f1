import pytest

from tools.datasets.kermany_names import read_name

REAL = [
    ("IM-0115-0001", "NORMAL", "115", "normal", "im 115"),
    ("IM-0435-0001-0001", "NORMAL", "435", "normal", "im 435"),
    ("NORMAL2-IM-0383-0001", "NORMAL", "383", "normal", "normal2-im 383"),
    ("person1_bacteria_1", "PNEUMONIA", "1", "bacteria", "bacteria 1"),
    ("person447_virus_921_1", "PNEUMONIA", "447", "virus", "virus 447"),
    ("person1004_bacteria_2935 (1)", "PNEUMONIA", "1004", "bacteria", "bacteria 1004"),
    ("NORMAL-1003233-0001", "NORMAL", "1003233", "normal", "patient 1003233"),
    ("BACTERIA-1008087-0002", "PNEUMONIA", "1008087", "bacteria", "patient 1008087"),
    ("VIRUS-1008087-0001", "PNEUMONIA", "1008087", "virus", "patient 1008087"),
    ("Person17_Virus_3", "PNEUMONIA", "17", "virus", "virus 17"),
    ("person17", "PNEUMONIA", "17", "unknown", "person 17"),
]


@pytest.mark.parametrize(("stem", "folder", "patient", "subtype", "identity"), REAL)
def test_real_names(stem, folder, patient, subtype, identity):
    name = read_name(stem, folder)
    assert (name.patient, name.subtype, name.identity) == (patient, subtype, identity)
    assert name.known


@pytest.mark.parametrize(("folder", "subtype"), [("NORMAL", "normal"), ("PNEUMONIA", "unknown")])
@pytest.mark.parametrize("stem", ["scan7", "personal_bacteria", "XIM-0115", "person_3"])
def test_a_name_without_number_is_a_patient_of_its_own(stem, folder, subtype):
    name = read_name(stem, folder)
    assert (name.patient, name.subtype, name.known) == (stem, subtype, False)


def test_the_digit_of_normal2_is_not_the_patient():
    assert read_name("NORMAL2-IM-0383-0001", "NORMAL").patient == read_name("IM-0383-0001", "NORMAL").patient == "383"
