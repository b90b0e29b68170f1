"""Images are prepared once and augmented by (seed, epoch, index) alone."""

import pytest
import torch
from monai.transforms import Compose, RandGaussianNoised

from tools.datasets.image_dataset import ImageDataset


class Prepare:
    calls = 0

    def __call__(self, item):
        self.calls += 1
        return {"image": torch.full((2, 4, 4), item["value"]), "label": item["label"], "file": item["image"]}


DATA = [{"image": f"{n}.jpg", "value": n / 10, "label": n % 2} for n in range(6)]
NOISE = Compose([RandGaussianNoised("image", prob=1.0, std=0.1)])


def test_an_image_comes_with_its_label_and_its_name_and_is_prepared_once():
    prepare = Prepare()
    dataset = ImageDataset(DATA, prepare)
    for _ in range(3):
        sample = dataset[(0, 4)]
    assert prepare.calls == 6
    assert (int(sample["label"]), sample["file"]) == (0, "4.jpg")
    torch.testing.assert_close(sample["image"], torch.full((2, 4, 4), 0.4), atol=1 / 255, rtol=0)


def test_augmentation_depends_on_seed_epoch_and_index_alone():
    dataset, other = ImageDataset(DATA, Prepare(), NOISE, seed=1), ImageDataset(DATA, Prepare(), NOISE, seed=1)
    dataset[(0, 1)], dataset[(5, 2)]
    image = dataset[(3, 2)]["image"]
    assert torch.equal(other[(3, 2)]["image"], image)
    assert not torch.equal(other[(4, 2)]["image"], image)
    assert not torch.equal(ImageDataset(DATA, Prepare(), NOISE, seed=2)[(3, 2)]["image"], image)


def test_without_images_there_is_no_dataset():
    with pytest.raises(ValueError, match="'training' part of the datalist is empty"):
        ImageDataset([], Prepare())
