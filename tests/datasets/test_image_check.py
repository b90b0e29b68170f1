import numpy as np
import pytest
from PIL import Image

from tests.datasets.xray_release import picture, save
from tools.datasets.image_check import is_image_name, look_at_image


def problem(path):
    findings = look_at_image(path).findings
    assert len(findings.problems) == 1
    return findings.problems[0]


def test_a_good_image(tmp_path):
    facts = look_at_image(save(tmp_path / "train" / "NORMAL" / "a.jpeg", picture(1)))
    assert not facts.findings.problems
    assert not facts.findings.warnings
    assert (facts.size, facts.channels, facts.phantom) == ((80, 96), 1, False)
    assert facts.thumbnail.shape == (112, 112)
    assert facts.name == "train/NORMAL/a.jpeg"


def test_the_same_pixels_have_one_digest_in_every_format(tmp_path):
    grey = picture(2)
    paths = [save(tmp_path / name, grey) for name in ("a.png", "a.bmp")]
    paths.append(save(tmp_path / "rgb.png", np.stack([grey] * 3, axis=2)))
    facts = [look_at_image(path) for path in paths]
    assert len({fact.digest for fact in facts}) == 1
    assert [fact.channels for fact in facts] == [1, 1, 3]
    assert look_at_image(save(tmp_path / "b.png", picture(3))).digest != facts[0].digest
    turned = look_at_image(save(tmp_path / "c.png", grey.reshape(96, 80)))
    assert turned.digest != facts[0].digest


def test_a_truncated_file(tmp_path):
    path = save(tmp_path / "a.jpeg", picture(1))
    path.write_bytes(path.read_bytes()[:-900])
    assert "must be a readable image, got OSError: image file is truncated" in problem(path)
    assert "copy it from the archive again" in problem(path)


@pytest.mark.parametrize("content", [b"", b"not an image at all"])
def test_a_file_that_is_no_image(tmp_path, content):
    path = tmp_path / "a.jpeg"
    path.write_bytes(content)
    assert "must be a readable image, got UnidentifiedImageError" in problem(path)
    assert str(tmp_path) not in problem(path)


def test_sizes_that_cannot_be(tmp_path):
    assert "must have 64 rows and columns or more, got 28 x 96" in problem(save(tmp_path / "a.png", picture(1, 28, 96)))
    assert "not be longer than 5 times its width, got 70 x 400" in problem(
        save(tmp_path / "b.png", picture(1, 70, 400))
    )


def test_a_blank_image(tmp_path):
    path = save(tmp_path / "a.png", np.full((80, 80), 7, np.uint8))
    assert "must show something, every pixel is 7" in problem(path)


def test_colour_and_rotation_are_told(tmp_path):
    colour = np.stack([picture(1), picture(2), picture(3)], axis=2)
    assert "is a colour picture" in look_at_image(save(tmp_path / "a.png", colour)).findings.warnings[0]
    exif = Image.Exif()
    exif[0x0112] = 6
    rotated = look_at_image(save(tmp_path / "b.jpeg", picture(1), exif=exif))
    assert "its EXIF orientation is 6" in rotated.findings.warnings[0]
    grey = look_at_image(save(tmp_path / "c.jpeg", np.stack([picture(1)] * 3, axis=2)))
    assert not grey.findings.warnings


def test_sixteen_bits_are_scaled(tmp_path):
    values = picture(1).astype(np.uint16) * 16
    Image.fromarray(values).save(tmp_path / "a.png")
    facts = look_at_image(tmp_path / "a.png")
    assert not facts.findings.problems
    assert int(facts.thumbnail.max()) > 200


def test_what_counts_as_an_image_is_its_name(tmp_path):
    names = {"a.jpeg": True, "a.JPG": True, "a.png": True, "._a.jpeg": False, ".DS_Store": False, "Thumbs.db": False}
    assert {name: is_image_name(tmp_path / name) for name in names} == names
