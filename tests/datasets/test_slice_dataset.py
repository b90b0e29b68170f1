import numpy as np
import pytest
import torch
from monai.transforms import Compose, RandFlipd, RandGaussianNoised

from tools.datasets.slice_dataset import SliceDataset, cut
from tools.transforms.neighbour_slices import stack_neighbours

SIZE = (48, 40, 10)
TARGET_SLICES = (6, 7)


def volume(item: dict) -> dict:
    """A body of 0.8 in air, each slice with its number in it, and a target in two slices of every patient but 'c'."""
    body = torch.zeros(1, *SIZE)
    body[:, 8:40, 6:34] = 0.8
    for z in range(SIZE[2]):
        body[:, 20, 20, z] = z / 100
    label = torch.zeros(1, *SIZE)
    if item["patient"] != "c":
        label[:, 30:34, 25:30, TARGET_SLICES[0] : TARGET_SLICES[1] + 1] = 1
    return {"image": body, "label": label}


def dataset(names: str = "ab", **kwargs) -> SliceDataset:
    data = [{"image": f"{name}.nii", "label": f"{name}_seg.nii", "patient": name} for name in names]
    return SliceDataset(data, volume, img_size=(32, 32), slices_per_volume=6, **kwargs)


def test_half_of_the_slices_of_a_patient_with_target_show_it():
    samples = [dataset()[(0, index)] for index in range(12)]
    assert [sample["label"].any().item() for sample in samples] == [True] * 3 + [False] * 3 + [True] * 3 + [False] * 3
    assert [sample["file"] for sample in samples] == ["a.nii"] * 6 + ["b.nii"] * 6


def test_a_patient_without_target_gives_empty_slices():
    assert not any(dataset("c")[(0, index)]["label"].any() for index in range(6))


def test_image_and_label_come_from_the_slice_that_is_named():
    slices = dataset()
    for index in range(12):
        sample = slices[(3, index)]
        assert bool(sample["label"].any()) == (sample["slice"] in TARGET_SLICES)
        # the body is centred: 32 x 28 pixels from (8, 6), so the window starts at (8, 4)
        assert sample["image"][0, 20 - 8, 20 - 4].item() == pytest.approx(sample["slice"] / 100, abs=1e-3)
        assert sample["label"].sum() in (0, 20)


def test_a_sample_depends_on_seed_epoch_and_index_only():
    augment = Compose([RandFlipd(["image", "label"], prob=0.5, spatial_axis=0), RandGaussianNoised("image", prob=1.0)])
    first, second = dataset(slice_transform=augment), dataset(slice_transform=augment)
    for _ in range(3):
        second[(9, 1)]
    same = [torch.equal(first[(5, i)]["image"], second[(5, i)]["image"]) for i in (4, 0, 11)]
    assert same == [True] * 3
    assert not torch.equal(first[(5, 4)]["image"], first[(6, 4)]["image"])
    other = dataset(slice_transform=augment, seed=1)
    assert not torch.equal(first[(5, 4)]["image"], other[(5, 4)]["image"])


def test_neighbours_are_the_channels_that_inference_stacks():
    slices = dataset(neighbour_slices=3)
    whole = volume({"patient": "a"})["image"].half().float()
    for index in range(6):
        sample = slices[(1, index)]
        expected = stack_neighbours(whole, torch.tensor([sample["slice"]]), 3)[0][:, 8:40, 4:36]
        assert torch.equal(sample["image"], expected)


def test_a_body_larger_than_the_window_is_seen_in_different_places_and_the_target_stays_inside():
    data = [{"image": "a.nii", "label": "a_seg.nii", "patient": "a"}]
    slices = SliceDataset(data, volume, img_size=(16, 16), slices_per_volume=40, target_fraction=0.5)
    samples = [slices[(0, index)] for index in range(40)]
    assert all(sample["label"].any() for sample in samples[:20])
    assert len({sample["image"][0].sum().item() for sample in samples[20:]}) > 5


def test_a_window_beyond_the_plane_is_filled_with_air():
    planes = torch.arange(1.0, 13.0).reshape(1, 3, 4)
    out = cut(planes, (-1, 2), (4, 4))
    expected = np.array([[0, 0, 0, 0], [3, 4, 0, 0], [7, 8, 0, 0], [11, 12, 0, 0]], dtype=np.float32)
    assert np.array_equal(out[0].numpy(), expected)
    assert not cut(planes, (50, 50), (4, 4)).any()


@pytest.mark.parametrize("key", ["image", "label"])
def test_what_is_not_finite_survives_the_cache(key):
    def broken(item):
        out = volume(item)
        out[key][0, 10, 10] = float("inf" if key == "label" else "nan")
        return out

    slices = SliceDataset([{"image": "a.nii", "label": "b.nii", "patient": "a"}], broken, img_size=(32, 32))
    assert all((~torch.isfinite(slices[(0, index)][key])).sum() == 1 for index in range(3))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"neighbour_slices": 2}, "neighbour_slices must be odd, got 2"),
        ({"target_fraction": 1.5}, "between 0 and 1, got 1.5"),
        ({"names": ""}, "no training item"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        dataset(**kwargs)


def test_a_volume_is_read_once():
    read = []

    def counted(item):
        read.append(item["patient"])
        return volume(item)

    data = [{"image": f"{name}.nii", "label": f"{name}_seg.nii", "patient": name} for name in "ab"]
    transform = Compose([counted, RandFlipd("image", prob=0.0)])
    slices = SliceDataset(data, transform, img_size=(32, 32), slices_per_volume=6)
    for index in range(12):
        slices[(0, index)]
    assert sorted(read) == ["a", "b"]


def test_an_index_beyond_the_end_is_refused():
    with pytest.raises(IndexError, match="slice 12 of a dataset of 12"):
        dataset()[(0, 12)]
