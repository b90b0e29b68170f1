"""PlaneSpacingd: what it resamples, what it leaves alone, and the way back to the scanner's grid."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, EnsureTyped, Invertd, Orientationd, Spacing

from tools.transforms.plane_spacing import PlaneSpacing, PlaneSpacingd


def rotation(degrees, axis):
    """Return a rotation by ``degrees`` about one axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.eye(3)
    i, j = [k for k in range(3) if k != axis]
    turn[i, i], turn[i, j], turn[j, i], turn[j, j] = c, -s, s, c
    return turn


def affine_of(matrix, spacing, origin=(-31.0, 12.5, 100.0)):
    """Return a 4x4 affine from directions, spacing in mm and origin."""
    affine = np.eye(4)
    affine[:3, :3] = matrix @ np.diag(spacing)
    affine[:3, 3] = origin
    return affine


PLAIN = np.eye(3)
SHEAR = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.3], [0.0, 0.0, 1.0]])
GRIDS = {
    "plain": affine_of(PLAIN, (0.8, 0.8, 3.0)),
    "anisotropic": affine_of(PLAIN, (0.6, 1.1, 5.0)),
    "coarse": affine_of(PLAIN, (2.2, 2.0, 2.5)),
    "flipped": affine_of(np.diag([-1.0, -1.0, 1.0]), (0.8, 0.8, 3.0)),
    "all_flipped": affine_of(-PLAIN, (0.7, 0.7, 2.0)),
    "permuted": affine_of(PLAIN[:, [2, 0, 1]], (3.0, 0.8, 0.9)),
    "oblique": affine_of(rotation(20, 0) @ rotation(12, 2), (0.8, 0.8, 3.0)),
    "oblique_permuted_flipped": affine_of(rotation(15, 1) @ PLAIN[:, [1, 2, 0]] * [-1, 1, -1], (0.9, 2.5, 0.8)),
    "tilted": affine_of(SHEAR, (0.8, 0.8, 3.0)),
}


def blob(affine, seed=0):
    """Return an ellipsoid of 14 mm (X, Y, Z) somewhere inside a grid, as a float volume of 0 and 1."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    shape = np.ceil(np.array([60.0, 66.0, 57.0]) / spacing).astype(int)
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1)
    centre = shape * np.array([0.55, 0.4, 0.5])
    return ((((index - centre) * spacing / np.array([14.0, 12.0, 13.0])) ** 2).sum(-1) < 1).astype(np.float32)


def dice(a, b):
    """Return the overlap of two masks."""
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


def pipeline(mode="bilinear"):
    """Return the spatial part of the preprocessing."""
    return Compose(
        [
            Orientationd(keys="image", axcodes="RAS", labels=None),
            PlaneSpacingd(keys="image", spacing_mm=(1.5, 1.5), mode=mode),
            EnsureTyped(keys="image", dtype=torch.float32),
        ]
    )


@pytest.mark.parametrize("name", GRIDS)
def test_a_mask_comes_back_to_the_grid_it_was_drawn_on(name):
    mask = blob(GRIDS[name])
    image = MetaTensor(mask[None], affine=torch.as_tensor(GRIDS[name]))
    transform = pipeline()
    item = transform({"image": image})
    spacing = np.linalg.norm(np.asarray(item["image"].affine)[:3, :3], axis=0)
    assert np.allclose(spacing[:2], 1.5)
    item["pred"] = MetaTensor(item["image"].clone(), meta=item["image"].meta)
    back = Invertd(keys="pred", transform=transform, orig_keys="image", nearest_interp=False)(item)["pred"]
    assert back.shape[1:] == mask.shape
    assert np.allclose(np.asarray(back.affine), GRIDS[name], atol=1e-9)
    assert dice(np.asarray(back[0]) >= 0.5, mask > 0) >= 0.95


def test_slices_are_kept_as_they_are():
    rng = np.random.default_rng(0)
    volume = rng.normal(size=(1, 20, 20, 7)).astype(np.float32)
    out = PlaneSpacing((1.5, 1.5))(MetaTensor(volume, affine=torch.diag(torch.tensor([0.75, 0.75, 4.0, 1.0]))))
    assert out.shape == (1, 11, 11, 7)
    assert torch.equal(out.as_tensor()[:, :10, :10], torch.as_tensor(volume)[:, ::2, ::2])
    assert np.allclose(np.asarray(out.affine), np.diag([1.5, 1.5, 4.0, 1.0]))


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_agrees_with_monai_where_monai_keeps_the_slices(mode):
    affine = torch.as_tensor(GRIDS["oblique"])
    volume = MetaTensor(torch.rand(2, 31, 40, 6), affine=affine)
    # no position half way between two voxels, where nearest may go either way
    ours = PlaneSpacing((1.31, 1.71), mode)(volume)
    theirs = Spacing((1.31, 1.71, -1.0), mode=mode)(volume)
    assert ours.shape == theirs.shape
    assert torch.allclose(ours.affine, theirs.affine, atol=1e-9)
    assert torch.allclose(ours.as_tensor(), theirs.as_tensor(), atol=1e-5)


def test_a_position_in_the_patient_keeps_its_value():
    affine = GRIDS["oblique_permuted_flipped"]
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    shape = np.ceil(60 / spacing).astype(int)
    index = np.stack([*np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), np.ones(shape)], -1)
    world = index @ affine.T
    volume = MetaTensor(world[None, ..., 1].astype(np.float32), affine=torch.as_tensor(affine))
    out = pipeline()({"image": volume})["image"]
    inner = [np.arange(1, n - 2) for n in out.shape[1:]]
    grid = np.stack(np.meshgrid(*inner, indexing="ij"), -1)
    expected = (np.concatenate([grid, np.ones((*grid.shape[:3], 1))], -1) @ np.asarray(out.affine).T)[..., 1]
    assert np.abs(np.asarray(out[0])[np.ix_(*inner)] - expected).max() < 1e-3


def test_strangers_with_a_similar_name_are_left_alone():
    image = MetaTensor(torch.rand(1, 8, 8, 3), affine=torch.eye(4), meta={"filename_or_obj": "a.nii.gz"})
    others = {"image_path": "/somewhere/a.nii.gz", "image_meta_dict": {"a": 1}}
    item = PlaneSpacingd(keys="image")({"image": image, **others})
    assert item["image_path"] == "/somewhere/a.nii.gz"
    assert item["image_meta_dict"] == {"a": 1}
    assert item["image"].shape == (1, 6, 6, 3)


def test_invertd_can_ask_for_nearest_neighbours():
    transform = pipeline()
    item = transform({"image": MetaTensor(torch.rand(1, 33, 30, 4), affine=torch.as_tensor(GRIDS["plain"]))})
    item["pred"] = MetaTensor((item["image"] > 0.5).float(), meta=item["image"].meta)
    back = Invertd(keys="pred", transform=transform, orig_keys="image", nearest_interp=True)(item)["pred"]
    assert set(back.unique().tolist()) <= {0.0, 1.0}
    assert back.shape == (1, 33, 30, 4)


def test_labels_stay_labels_and_keys_have_their_own_mode():
    affine = torch.as_tensor(GRIDS["plain"])
    item = {
        "image": MetaTensor(torch.rand(1, 20, 20, 3), affine=affine),
        "label": MetaTensor(torch.randint(0, 3, (1, 20, 20, 3)).to(torch.uint8), affine=affine),
    }
    out = PlaneSpacingd(keys=("image", "label"), mode=("bilinear", "nearest"))(item)
    assert set(out["label"].unique().tolist()) <= {0.0, 1.0, 2.0}
    assert out["image"].shape == out["label"].shape
    assert out["label"].dtype == torch.float32


def test_one_pixel_wide_volumes_survive():
    resample = PlaneSpacing((1.5, 1.5))
    out = resample(MetaTensor(torch.ones(1, 1, 9, 1), affine=torch.eye(4)))
    assert out.shape == (1, 1, 6, 1)
    assert resample.inverse(out).shape == (1, 1, 9, 1)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match=r"two positive distances in mm, got \[1.5, -1\]"):
        PlaneSpacingd(keys="image", spacing_mm=[1.5, -1])
    with pytest.raises(ValueError, match="one of .*bilinear.*, got 'cubic'"):
        PlaneSpacingd(keys="image", mode="cubic")
    with pytest.raises(TypeError, match="needs a MetaTensor"):
        PlaneSpacing()(torch.rand(1, 4, 4, 4))
    with pytest.raises(ValueError, match=r"needs a volume \(C, X, Y, Z\), got shape \(1, 4, 4\)"):
        PlaneSpacing()(MetaTensor(torch.rand(1, 4, 4)))
