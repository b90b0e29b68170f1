"""PNG slices stacked to volumes: every pixel in its place, and what each wrong input is answered with."""

import json

import nibabel
import numpy as np
import pytest
from skimage.io import imsave

from tools.datasets import png_slices
from tools.datasets.msd_lung import ConversionError, datalist, prepare
from tools.datasets.scan_finder import find_scans

ROWS, COLUMNS, SLICES = 10, 12, 5
PARTS = ("images", "labels")


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    imsave(path, pixels, check_contrast=False)


def picture(seed):
    return np.random.default_rng(seed).integers(0, 256, (ROWS, COLUMNS)).astype(np.uint8)


def mask(number):
    pixels = np.zeros((ROWS, COLUMNS), np.uint8)
    if number in (2, 3):
        pixels[5, 1:4] = 255
    return pixels


def slice_of(source, volume, number, folder="images"):
    return source / folder / f"{volume}_slice_{number:04d}.png"


@pytest.fixture
def source(tmp_path):
    for volume in range(4):
        for number in range(1, SLICES + 1):
            save(slice_of(tmp_path / "png", volume, number), picture(100 * volume + number))
            save(slice_of(tmp_path / "png", volume, number, "labels"), mask(number))
    (tmp_path / "png" / "images" / "._0_slice_0001.png").write_bytes(b"of macOS")
    return tmp_path / "png"


def run(source, output, **options):
    return prepare(source, output, quiet=True, **options)


def refusal(source, output, **options):
    with pytest.raises(ConversionError, match="nothing was written") as error:
        run(source, output, **options)
    assert not output.exists()
    return str(error.value)


def item_of(data, patient):
    return next(i for part in ("training", "validation", "test") for i in data[part] if i["patient"] == patient)


def test_slices_become_volumes_with_rows_to_the_back_and_numbers_to_the_head(source, tmp_path, capsys):
    data = prepare(source, tmp_path / "out")
    image, label = (nibabel.load(tmp_path / "out" / item_of(data, "2")[key]) for key in ("image", "label"))
    assert image.shape == (COLUMNS, ROWS, SLICES)
    assert image.get_data_dtype() == np.int16
    pixels = np.asarray(image.dataobj)
    for number in (1, 4):
        wanted = np.rint(-1000 + picture(200 + number).T * (1400 / 255))
        assert np.array_equal(pixels[:, :, number - 1], wanted)
    assert np.argwhere(np.asarray(label.dataobj)).tolist() == [[x, 5, z] for x in (1, 2, 3) for z in (1, 2)]
    assert nibabel.aff2axcodes(image.affine) == ("L", "P", "S")
    assert np.array_equal(image.affine, label.affine)
    assert [len(data[part]) for part in ("training", "validation", "test")] == [2, 1, 1]
    printed = capsys.readouterr().out
    assert "20 PNG slice(s) of 4 volume(s); 0 to 255 taken for -1000 to 400 HU; the spacing is unknown" in printed
    assert "12x10x5       unknown                    -      2" in printed


def test_an_unknown_spacing_is_said_everywhere(source, tmp_path):
    data = run(source, tmp_path / "out")
    item = item_of(data, "0")
    assert (item["spacing_mm"], item["target_ml"], item["target_voxels"], item["target_slices"]) == (None, None, 6, 2)
    image = nibabel.load(tmp_path / "out" / item["image"])
    assert image.header.get_xyzt_units()[0] == "unknown"
    assert np.allclose(image.header.get_zooms(), (0.8, 0.8, 1.25))
    assert all(entry["spacing_known"] is False for entry in datalist(tmp_path / "out", "training", "unused"))


def test_a_spacing_that_somebody_knows_is_written(source, tmp_path):
    data = run(source, tmp_path / "out", spacing_mm=(0.7, 0.8, 2.5), window_hu=[-1350, 150])
    item = item_of(data, "0")
    assert item["spacing_mm"] == [0.7, 0.8, 2.5]
    assert item["target_ml"] == pytest.approx(6 * 0.7 * 0.8 * 2.5 / 1000)
    image = nibabel.load(tmp_path / "out" / item["image"])
    assert np.allclose(image.affine, np.diag([-0.7, -0.8, 2.5, 1]))
    assert image.header.get_xyzt_units()[0] == "mm"
    assert image.dataobj[0, 0, 0] == round(-1350 + int(picture(1)[0, 0]) * 1500 / 255)
    assert set(datalist(tmp_path / "out", "training", "unused")[0]) == {"image", "label", "patient", "phantom"}


def test_the_folder_may_lie_one_level_deeper_and_its_volumes_can_be_segmented(source, tmp_path):
    run(source.parent, tmp_path / "out")
    assert {scan["patient"] for scan in find_scans(tmp_path / "out")} == set("0123")


def test_all_slices_of_a_volume_are_in_one_part(source, tmp_path):
    for seed in range(4):
        data = run(source, tmp_path / "out", seed=seed)
        patients = [item["patient"] for part in ("training", "validation", "test") for item in data[part]]
        assert sorted(patients) == list("0123")


BREAKAGES = {
    "mask missing": (
        lambda s: [slice_of(s, 1, number, "labels").unlink() for number in (2, 3, 5)],
        "1\n    - 3 slice(s) are missing in labels: 2 to 3, 5; export them, or move their partners away",
    ),
    "picture missing": (
        lambda s: slice_of(s, 1, 5).unlink(),
        "1 slice(s) are missing in images: 5; export them, or move their partners away",
    ),
    "gap": (
        lambda s: [slice_of(s, 1, 3, folder).unlink() for folder in ("images", "labels")],
        "1 slice(s) are missing: 3; export every slice, or pass --allow-gaps to stack what is there",
    ),
    "other name": (
        lambda s: save(s / "images" / "seven.png", picture(0)),
        "images may hold only VOLUME_slice_NUMBER.png, found 1 other(s): seven.png; move them away",
    ),
    "twice": (
        lambda s: save(s / "images" / "1_slice_3.png", picture(0)),
        "slice 3 is there more than once (1_slice_0003.png, 1_slice_3.png); keep one file",
    ),
    "upper case": (
        lambda s: [save(s / folder / f"{volume}_slice_0001.png", mask(2)) for volume in "aA" for folder in PARTS],
        "the name and 'A' differ only in upper and lower case; rename one",
    ),
    "16 bits": (
        lambda s: save(slice_of(s, 1, 2), picture(0).astype(np.uint16) * 200),
        "images/1_slice_0002.png must be 8-bit grey, found 16-bit grey; convert it",
    ),
    "colour": (
        lambda s: save(slice_of(s, 1, 2, "labels"), np.stack([mask(2)] * 3, -1)),
        "labels/1_slice_0002.png must be 8-bit grey, found 8-bit colour; convert it",
    ),
    "not PNG": (
        lambda s: slice_of(s, 1, 2).write_bytes(b"GIF89a" + bytes(40)),
        "images/1_slice_0002.png is no PNG file; export it again",
    ),
    "damaged": (
        lambda s: slice_of(s, 1, 2).write_bytes(slice_of(s, 1, 2).read_bytes()[:-60]),
        "images/1_slice_0002.png is damaged (",
    ),
    "huge": (
        lambda s: slice_of(s, 1, 2).write_bytes(
            slice_of(s, 1, 2).read_bytes()[:16] + b"\0\1\0\0\0\1\0\0" + slice_of(s, 1, 2).read_bytes()[24:]
        ),
        "images/1_slice_0002.png must have 1 to 4096 pixels a side, found 65536 x 65536",
    ),
    "other size": (
        lambda s: save(slice_of(s, 1, 2), picture(0)[:-1]),
        "all pictures and masks of a volume must have one size, found 12 x 10 in 9 (images/1_slice_0001.png), 12 x 9",
    ),
    "mask of ones": (
        lambda s: save(slice_of(s, 1, 2, "labels"), mask(2) // 255),
        "a mask may hold only 0 and 255, found 1 in 3 pixels of 1 slice(s) (2); save masks without smoothing",
    ),
    "blank": (
        lambda s: [save(slice_of(s, 1, number), mask(1)) for number in range(1, SLICES + 1)],
        "every pixel of every picture has the value 0: it is blank; export it again",
    ),
    "no tumour": (
        lambda s: [save(slice_of(s, 1, number, "labels"), mask(1)) for number in range(1, SLICES + 1)],
        "no mask has a pixel; if there truly is no tumour, pass --allow-empty",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_wrong_input_is_named_and_nothing_is_written(source, tmp_path, name):
    change, message = BREAKAGES[name]
    change(source)
    assert message in refusal(source, tmp_path / "out")


def test_all_problems_come_at_once_and_skip_bad_stacks_the_rest(source, tmp_path):
    BREAKAGES["16 bits"][0](source)
    slice_of(source, 2, 3, "labels").unlink()
    text = refusal(source, tmp_path / "out")
    assert "3 problem(s) in" in text  # the slice without a mask is a gap, too
    data = run(source, tmp_path / "out", skip_bad=True)
    assert data["source"]["left_out"] == ["1", "2"]
    assert sorted(path.name for path in (tmp_path / "out" / "images").iterdir()) == ["0.nii", "3.nii"]


def test_gaps_are_stacked_on_demand_and_lose_the_spacing(source, tmp_path):
    BREAKAGES["gap"][0](source)
    data = run(source, tmp_path / "out", allow_gaps=True, spacing_mm=[0.7, 0.8, 2.5])
    item = item_of(data, "1")
    assert (item["gaps"], item["shape"][2], item["spacing_mm"]) == (1, SLICES - 1, None)
    assert item_of(data, "0")["spacing_mm"] == [0.7, 0.8, 2.5]
    report = (tmp_path / "out" / "report.txt").read_text()
    assert "1 slice(s) are missing: 3; what is there is stacked without them" in report


def test_numbers_that_begin_late_are_told(source, tmp_path):
    for folder in ("images", "labels"):
        slice_of(source, 1, 1, folder).unlink()
    run(source, tmp_path / "out")
    assert "the numbers begin at 2: slices before it may be missing" in (tmp_path / "out" / "report.txt").read_text()


def test_masks_without_a_pixel_are_kept_on_demand(source, tmp_path):
    BREAKAGES["no tumour"][0](source)
    assert item_of(run(source, tmp_path / "out", allow_empty=True), "1")["target_slices"] == 0


def test_an_interrupted_run_goes_on(source, tmp_path, monkeypatch):
    real, done = png_slices.write_volume, []

    def failing(output, volume, *rest):
        if volume.name == "2":
            raise KeyboardInterrupt
        return real(output, volume, *rest)

    def counted(output, volume, *rest):
        done.append(volume.name)
        return real(output, volume, *rest)

    monkeypatch.setattr(png_slices, "write_volume", failing)
    with pytest.raises(KeyboardInterrupt, match="^$"):
        run(source, tmp_path / "out")
    assert not (tmp_path / "out" / "datalist.json").exists()
    monkeypatch.setattr(png_slices, "write_volume", counted)
    data = run(source, tmp_path / "out")
    assert done == ["2", "3"]
    assert run(source, tmp_path / "out") == data
    run(source, tmp_path / "out", window_hu=[-500, 500])
    assert done == ["2", "3", "0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"spacing_mm": 0.8}, "--spacing_mm must be three distances in mm, columns, rows, slices, got 0.8"),
        ({"spacing_mm": [0.8, 0.8, 0]}, "--spacing_mm must be three distances in mm, .* got .0.8, 0.8, 0."),
        ({"window_hu": [400, -1000]}, "--window_hu must be two ascending Hounsfield units, those of 0 and 255"),
        ({"window_hu": 400}, "--window_hu must be two ascending Hounsfield units, those of 0 and 255, got 400"),
    ],
)
def test_impossible_options_are_refused(source, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        run(source, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_the_volumes_do_not_mix_with_the_pictures(source):
    for output in (source, source / "images" / "x"):
        with pytest.raises(ValueError, match="--output would mix the volumes with the pictures"):
            run(source, output)


def test_the_list_holds_no_place_of_this_machine(source, tmp_path):
    run(source, tmp_path / "out")
    for path in (tmp_path / "out").rglob("*.json"):
        assert str(tmp_path) not in path.read_text()
    assert json.loads((tmp_path / "out" / "datalist.json").read_text())["root"] == "."
