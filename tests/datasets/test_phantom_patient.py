"""What the grades promise, measured on the arrays."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from tools.datasets.phantom_grades import EASY, HARD, Grade, grade_named
from tools.datasets.phantom_patient import PhantomPatient, phantom_patient
from tools.datasets.threshold_baseline import oracle_threshold_dice

SOFT_TISSUE_HU = -200


@pytest.fixture(scope="module")
def easy() -> list[PhantomPatient]:
    return [phantom_patient(EASY, index, 0) for index in range(6)]


@pytest.fixture(scope="module")
def hard() -> list[PhantomPatient]:
    return [phantom_patient(HARD, index, 0, pixel_mm=2.5, thickness_mm=5.0) for index in range(20)]


def with_tumour(patients: list[PhantomPatient]) -> list[PhantomPatient]:
    return [patient for patient in patients if patient.plan is not None]


def touching_share(patient: PhantomPatient) -> float:
    """Share of the shell around the tumour that is soft tissue."""
    shell = ndimage.binary_dilation(patient.mask, iterations=2) & ~ndimage.binary_dilation(patient.mask)
    return float((patient.image[shell] > SOFT_TISSUE_HU).mean())


def vessel_share(patient: PhantomPatient) -> float:
    inside = (patient.lungs > 3) & ~ndimage.binary_dilation(patient.mask, iterations=3)
    return float((patient.image[inside] > -500).mean())


def test_easy_volumes_lie_in_their_range(easy: list[PhantomPatient]):
    volumes = [patient.target_ml for patient in with_tumour(easy)]
    assert min(volumes) > 0.9 * EASY.tumour_ml[0]
    assert max(volumes) < 1.1 * EASY.tumour_ml[1]


def test_hard_volumes_span_the_measured_range(hard: list[PhantomPatient]):
    volumes = np.array([patient.target_ml for patient in with_tumour(hard)])
    assert volumes.min() > 0.6
    assert volumes.max() < 200
    assert volumes.max() / volumes.min() > 15


def test_most_slices_are_empty(easy: list[PhantomPatient], hard: list[PhantomPatient]):
    for patients, most in ((easy, 0.5), (hard, 0.32)):
        assert max(patient.mask.any((1, 2)).mean() for patient in patients) <= most


def test_promised_shares_have_no_tumour(easy: list[PhantomPatient], hard: list[PhantomPatient]):
    assert [patient.plan is None for patient in easy] == [False, False, False, False, True, False]
    assert not easy[4].mask.any()
    assert np.isclose(np.mean([patient.plan is None for patient in hard]), 0.1)


def test_half_or_more_of_the_tumours_touch_soft_tissue(easy: list[PhantomPatient], hard: list[PhantomPatient]):
    assert np.mean([touching_share(p) > 0.05 for p in with_tumour(easy)]) >= 0.5
    assert np.mean([touching_share(p) > 0.05 for p in with_tumour(hard)]) >= 0.5


def test_without_contact_tumours_lie_free():
    attached = [phantom_patient(HARD, index, 0, pixel_mm=2.5, thickness_mm=5.0) for index in (0, 1, 7)]
    free = [phantom_patient(HARD, i, 0, pixel_mm=2.5, thickness_mm=5.0, without=("contact",)) for i in (0, 1, 7)]
    assert np.mean([touching_share(p) for p in free]) < 0.5 * np.mean([touching_share(p) for p in attached])


def test_vessels_fill_the_measured_share_of_the_lung(easy: list[PhantomPatient], hard: list[PhantomPatient]):
    plain = [p for p in hard if not {"effusion", "atelectasis"} & set(p.facts["confounders"])]
    assert 0.015 < np.mean([vessel_share(p) for p in easy]) < 0.05
    assert 0.02 < np.mean([vessel_share(p) for p in plain]) < 0.055


def test_without_vessels_the_lung_is_nearly_clear():
    grade = replace(EASY, granulomas=0)
    full = phantom_patient(grade, 0, 0, pixel_mm=3.0)
    clear = phantom_patient(grade, 0, 0, pixel_mm=3.0, without=("vessels",))
    assert vessel_share(clear) < 0.5 * vessel_share(full)


@pytest.mark.parametrize("index", [0, 2])
def test_noise_has_the_drawn_sd_and_is_correlated(easy: list[PhantomPatient], index: int):
    """The same patient with other noise: the difference holds the noise alone."""
    quiet = phantom_patient(replace(EASY, noise_sd_hu=(1e-3, 1e-3)), index, 0)
    body = quiet.image > -900
    body[:, :2] = False
    noise = np.where(body, (easy[index].image.astype(float) - quiet.image), np.nan)
    assert np.isclose(np.nanstd(noise), easy[index].facts["noise_sd_hu"], rtol=0.1)
    pairs = np.isfinite(noise[..., 1:]) & np.isfinite(noise[..., :-1])
    assert np.corrcoef(noise[..., 1:][pairs], noise[..., :-1][pairs])[0, 1] > 0.2


def test_tumours_have_the_density_of_the_mediastinum(hard: list[PhantomPatient]):
    gaps = []
    for patient in with_tumour(hard):
        z, _, x = patient.grid.axes
        core = patient.target > 4
        if patient.plan.kind == "solid" and core.sum() > 20:
            tissue = (patient.lungs < -8) & (np.abs(x) < 40) & (np.abs(z) < 60) & (np.abs(patient.image) < 150)
            gaps.append(np.median(patient.image[core]) - np.median(patient.image[tissue]))
    assert len(gaps) >= 4
    assert np.abs(gaps).max() < 50
    assert np.mean(np.abs(gaps) < 40) >= 0.8


def test_lungs_have_the_measured_density(hard: list[PhantomPatient]):
    medians = np.array([np.median(patient.image[patient.lungs > 8]) for patient in hard])
    assert medians.min() > -890
    assert medians.max() < -720


def test_hard_holds_every_promised_content(hard: list[PhantomPatient]):
    assert {name for patient in hard for name in patient.facts["confounders"]} == {
        "granuloma",
        "effusion",
        "atelectasis",
    }
    assert {patient.plan.kind for patient in with_tumour(hard)} == set(HARD.kinds)
    assert {patient.facts["padding_hu"] for patient in hard} == {None, -2048, -3024}
    assert sum(not np.array_equal(patient.axes_lps, np.eye(3)) for patient in hard) == 5


def test_padding_fills_the_corners_only(hard: list[PhantomPatient]):
    patient = next(p for p in hard if p.facts["padding_hu"])
    assert patient.image[0, 0, 0] == patient.facts["padding_hu"]
    middle = patient.image[:, patient.image.shape[1] // 2, patient.image.shape[2] // 2]
    assert middle.min() >= -1024


def test_ground_glass_is_hazy_and_a_cavity_is_air_outside_the_label(hard: list[PhantomPatient]):
    kinds = {p.plan.kind: p for p in sorted(with_tumour(hard), key=lambda p: p.target_ml)}  # the largest of each kind
    haze = kinds["ground_glass"]
    assert -750 < np.median(haze.image[(haze.target > 3) & (haze.lungs > 0)]) < -450
    cavity = kinds["cavity"]
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in cavity.mask])
    hole = ndimage.binary_erosion(filled & ~cavity.mask, np.ones((1, 3, 3)))
    assert hole.any()
    assert np.median(cavity.image[hole]) < -700


def test_contours_of_hard_are_jittered_by_one_to_two_millimetres():
    calm = replace(HARD, jitter_mm=(0.0, 0.0))
    drawn = phantom_patient(HARD, 0, 0, pixel_mm=2.5, thickness_mm=5.0).target
    true = phantom_patient(calm, 0, 0, pixel_mm=2.5, thickness_mm=5.0).target
    rim = np.abs(true) < 3
    assert 0.5 < np.abs(drawn - true)[rim].mean() < 2.0


def test_a_threshold_does_not_solve_easy(easy: list[PhantomPatient]):
    scores = [oracle_threshold_dice(patient.image, patient.mask)[0] for patient in with_tumour(easy)]
    assert np.mean(scores) <= 0.4


def test_a_threshold_fails_on_half_of_hard(hard: list[PhantomPatient]):
    scores = [oracle_threshold_dice(patient.image, patient.mask)[0] for patient in with_tumour(hard)]
    assert np.mean(np.array(scores) < 0.3) >= 0.5


def test_scaling_the_grid_keeps_the_plan():
    fine, coarse = (phantom_patient(EASY, 0, 5, pixel_mm=mm) for mm in (2.5, 4.0))
    assert fine.plan == coarse.plan
    assert np.isclose(fine.target_ml, coarse.target_ml, rtol=0.1)


def test_grades_are_found_by_name():
    assert isinstance(grade_named("easy"), Grade)
    with pytest.raises(ValueError, match="no phantom grade 'tiny'"):
        grade_named("tiny")
