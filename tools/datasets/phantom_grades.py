"""The two grades of the CT phantom as tables of parameters: one anatomy, two degrees of difficulty.

Pairs are (lowest, highest) of a uniform draw for each patient. Targets of `HARD` were measured on real chest CTs.
"""

from __future__ import annotations

from dataclasses import dataclass

Pair = tuple[float, float]


@dataclass(frozen=True)
class Grade:
    """What one grade of phantom contains; units stand in the names (mm, ml, hu) or are shares of one."""

    name: str
    pixels: tuple[int, int]  # matrix, rows = columns
    field_mm: Pair  # width of the square field of view
    thickness_mm: Pair  # distance between slices
    scan_mm: Pair  # length of the scan along z
    max_slices: int
    lung_share: float  # lung height over scan length
    tumour_ml: Pair  # drawn log-uniformly
    tumour_hu: Pair  # core of a solid tumour
    texture_sd_hu: Pair  # inside the tumour
    tissue_hu: Pair  # mediastinum, hilum and muscle
    lung_hu: Pair
    vessel_share: Pair  # vessel volume over lung volume
    vessel_tips: int  # ends of the tree in each lung
    noise_sd_hu: Pair
    noise_grain_mm: Pair  # SD of the kernel that correlates the noise
    blur_mm: Pair  # SD of the reconstruction kernel
    motion_mm: Pair
    jitter_mm: Pair  # contour drawn this far from the truth
    sites: tuple[str, ...]  # wall, hilum, vessel or free, taken in turn
    kinds: tuple[str, ...]  # solid, necrotic, cavity, part_solid or ground_glass, taken in turn
    no_tumour_every: int  # one patient in so many has no tumour
    spicules: int  # at most so many threads around a tumour
    satellite_share: float
    granulomas: int  # at most so many a patient
    atelectasis_share: float
    effusion_share: float
    padding_share: float  # patients with -2048 or -3024 outside the round field of view
    oblique_every: int  # one patient in so many lies obliquely


EASY = Grade(
    name="easy",
    pixels=(136, 160),
    field_mm=(336.0, 368.0),
    thickness_mm=(3.0, 5.0),
    scan_mm=(118.0, 132.0),
    max_slices=40,
    lung_share=0.92,
    tumour_ml=(25.0, 60.0),
    tumour_hu=(35.0, 60.0),
    texture_sd_hu=(40.0, 60.0),
    tissue_hu=(35.0, 50.0),
    lung_hu=(-876.0, -780.0),
    vessel_share=(0.02, 0.03),
    vessel_tips=90,
    noise_sd_hu=(3.0, 7.0),
    noise_grain_mm=(1.5, 2.5),
    blur_mm=(0.6, 1.0),
    motion_mm=(0.0, 0.0),
    jitter_mm=(0.0, 0.0),
    sites=("wall", "hilum", "wall", "wall", "hilum", "vessel"),
    kinds=("solid", "necrotic", "solid"),
    no_tumour_every=5,
    spicules=4,
    satellite_share=0.0,
    granulomas=2,
    atelectasis_share=0.0,
    effusion_share=0.0,
    padding_share=0.3,
    oblique_every=3,
)

HARD = Grade(
    name="hard",
    pixels=(384, 448),
    field_mm=(340.0, 400.0),
    thickness_mm=(2.5, 5.0),
    scan_mm=(250.0, 300.0),
    max_slices=120,
    lung_share=0.85,
    tumour_ml=(1.4, 161.0),
    tumour_hu=(0.0, 70.0),
    texture_sd_hu=(13.0, 45.0),
    tissue_hu=(25.0, 55.0),
    lung_hu=(-876.0, -740.0),
    vessel_share=(0.022, 0.043),
    vessel_tips=700,
    noise_sd_hu=(3.0, 14.0),
    noise_grain_mm=(0.6, 1.2),
    blur_mm=(0.4, 0.9),
    motion_mm=(0.0, 6.0),
    jitter_mm=(1.0, 2.0),
    sites=("wall", "hilum", "vessel", "hilum", "free", "wall"),
    kinds=("solid", "necrotic", "solid", "part_solid", "cavity", "solid", "ground_glass"),
    no_tumour_every=10,
    spicules=14,
    satellite_share=0.3,
    granulomas=5,
    atelectasis_share=0.35,
    effusion_share=0.35,
    padding_share=0.4,
    oblique_every=4,
)

GRADES: dict[str, Grade] = {grade.name: grade for grade in (EASY, HARD)}


def grade_named(name: str) -> Grade:
    """The grade called `name`; a ValueError lists the names there are."""
    if name not in GRADES:
        raise ValueError(f"there is no phantom grade {name!r}: choose one of {', '.join(GRADES)}")
    return GRADES[name]
