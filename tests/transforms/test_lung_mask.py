"""The lung mask on synthetic chests, where the lungs are known, and when there are none to find."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, RandFlipd

from tools.datasets.xray_phantom import EASY, phantom_xray
from tools.transforms.lung_mask import LungMaskd, lung_mask

SUBTYPES = ("normal", "bacteria", "virus")


def dice(one: np.ndarray, two: np.ndarray) -> float:
    return 2 * float((one & two).sum()) / float(one.sum() + two.sum())


def tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.astype(np.float32) / 255)[None]


@pytest.fixture(scope="module")
def chests():
    return [phantom_xray(EASY, SUBTYPES[patient % 3], patient, 0, 11) for patient in range(15)]


def test_the_lungs_are_found_whether_clear_or_clouded(chests):
    scores, clear = [], []
    for chest in chests:
        mask, found = lung_mask(tensor(chest.pixels))
        assert found
        assert mask.shape == (1, *chest.pixels.shape)
        assert set(mask.unique().tolist()) == {0.0, 1.0}
        scores.append(dice(mask[0].numpy() > 0, chest.lungs))
        clear += [scores[-1]] if chest.subtype == "normal" else []
    assert np.mean(scores) > 0.8
    assert min(scores) > 0.65
    assert np.mean(clear) > 0.83


def test_the_mask_divides_left_from_right_where_the_lungs_do(chests):
    for chest in chests:
        mask, _ = lung_mask(tensor(chest.pixels))
        cut = float((mask[0].sum(0) * torch.arange(mask.shape[2])).sum() / mask.sum())
        truth = float((chest.lungs.sum(0) * np.arange(mask.shape[2])).sum() / chest.lungs.sum())
        assert abs(cut - truth) < 0.08 * mask.shape[2]


def test_a_mirrored_chest_has_a_mirrored_mask(chests):
    agreement = []
    for chest in chests[:6]:
        plain, _ = lung_mask(tensor(chest.pixels))
        mirrored, _ = lung_mask(tensor(chest.pixels[:, ::-1].copy()))
        agreement.append(dice(plain[0].numpy() > 0, mirrored.flip(2)[0].numpy() > 0))
    assert np.mean(agreement) > 0.95


def test_exposure_changes_little(chests):
    for chest in chests[:4]:
        plain, _ = lung_mask(tensor(chest.pixels))
        darker, found = lung_mask(tensor(chest.pixels) ** 1.5 * 0.8)
        assert found
        assert dice(plain[0].numpy() > 0, darker[0].numpy() > 0) > 0.85


def test_the_same_image_has_the_same_mask_and_stays_as_it_is(chests):
    image = tensor(chests[0].pixels)
    before = image.clone()
    assert torch.equal(lung_mask(image)[0], lung_mask(image)[0])
    assert torch.equal(image, before)


NOTHING = {
    "black": torch.zeros(1, 90, 120),
    "white": torch.ones(1, 90, 120),
    "noise": torch.rand(1, 90, 120, generator=torch.Generator().manual_seed(0)),
    "ramp": torch.linspace(0, 1, 120).expand(1, 90, 120).contiguous(),
}


@pytest.mark.parametrize("image", NOTHING.values(), ids=NOTHING)
def test_without_lungs_the_centre_stands_in(image):
    item = LungMaskd()({"image": image})
    assert item["lung_mask_ok"] is False
    mask = item["lung_mask"]
    expected = torch.zeros(1, 90, 120)
    expected[:, 22:68, 30:90] = 1
    assert torch.equal(mask, expected)
    cut = float((mask[0].sum(0) * torch.arange(120)).sum() / mask.sum())
    assert cut == pytest.approx(59.5)


@pytest.mark.parametrize("step", [1, -1], ids=["right", "left"])
def test_one_lung_alone_is_a_failure(chests, step):
    for chest in chests[::3]:
        pixels = chest.pixels[:, ::step].copy()
        pixels[:, pixels.shape[1] // 2 :] = np.uint8(210)
        assert lung_mask(tensor(pixels))[1] is False


def test_numbers_that_are_none_are_a_failure_and_no_crash(chests):
    image = tensor(chests[0].pixels)
    image[0, :5, :5] = float("nan")
    assert lung_mask(image)[1] is False


def test_random_transforms_move_image_and_mask_together(chests):
    steps = Compose(
        [LungMaskd("image", mask_key="lungs", ok_key="fine"), RandFlipd(["image", "lungs"], 1.0, spatial_axis=1)]
    )
    image = MetaTensor(tensor(chests[0].pixels), affine=torch.diag(torch.tensor([2.0, 2.0, 1.0, 1.0])))
    item = steps({"image": image, "label": 1})
    assert item["fine"] is True
    assert item["label"] == 1
    assert isinstance(item["lungs"], MetaTensor)
    assert torch.equal(item["lungs"].as_tensor(), lung_mask(image)[0].flip(2))


def test_wrong_images_are_refused():
    with pytest.raises(ValueError, match=r"must be \(1, H, W\), one channel, got \(3, 8, 8\); make it grey"):
        LungMaskd()({"image": torch.zeros(3, 8, 8)})
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\], got -2 to 255; scale it first"):
        lung_mask(torch.tensor([[[-2.0, 255.0], [0.0, 1.0]]]))
    with pytest.raises(ValueError, match="keys must name one image, got"):
        LungMaskd(["image", "other"])
    with pytest.raises(ValueError, match="clip_limit must lie above 0 and at most at 1, got 0"):
        LungMaskd(clip_limit=0)


def test_an_item_without_image():
    with pytest.raises(KeyError, match="image"):
        LungMaskd()({"label": 1})
    assert LungMaskd(allow_missing_keys=True)({"label": 1}) == {"label": 1}
