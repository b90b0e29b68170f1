"""BodySliceInferer: the same logits with and without skipping, in any batch, and a result that can be inverted."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.inferers import SliceInferer
from monai.transforms import Compose, Invertd, Orientationd
from torch import nn

from tools.inferers.slice_inferer import BodySliceInferer
from tools.transforms.body_mask import CELL_PIXELS, body_mask
from tools.transforms.plane_spacing import PlaneSpacingd


def patient(shape=(90, 70, 5), centre=(50, 32), radius=(24, 18), seed=0):
    """Return (1, 1, X, Y, Z): a noisy ellipse of tissue in air."""
    x, y = torch.meshgrid(torch.arange(shape[0]), torch.arange(shape[1]), indexing="ij")
    inside = (((x - centre[0]) / radius[0]) ** 2 + ((y - centre[1]) / radius[1]) ** 2 < 1).float()
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 0.2
    return ((inside[..., None] * 0.7) + noise * inside[..., None])[None, None]


def small_net(in_channels=1, out_channels=1):
    """Return a convolutional network with random weights that sees 5 pixels."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(in_channels, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, out_channels, 3, padding=1)
    ).eval()


class Spy(nn.Module):
    """Count the windows that reach a network."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.windows = 0
        self.batches = []

    def forward(self, x):
        """Count and pass on."""
        self.windows += len(x)
        self.batches.append(tuple(x.shape))
        return self.network(x)


def run(volume, network, **kwargs):
    """Return the logits without gradients."""
    with torch.no_grad():
        return BodySliceInferer(**kwargs)(volume, network)


def body_of(volume):
    """Return the voxels of the body, (X, Y, Z)."""
    mask = body_mask(volume[0, 0], 500 / 1400)
    fine = mask.repeat_interleave(CELL_PIXELS, 0).repeat_interleave(CELL_PIXELS, 1)
    return fine[: volume.shape[2], : volume.shape[3]]


@pytest.mark.parametrize("img_size", [(64, 48), (32, 32), (24, 20)])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_skipping_changes_nothing_inside_the_body(img_size, batch_size):
    volume = patient()
    volume[..., 3:] = 0
    network = Spy(small_net())
    with_skip = run(volume, network, img_size=img_size, batch_size=batch_size)
    seen, network.windows = network.windows, 0
    without = run(volume, network, img_size=img_size, batch_size=batch_size, skip_outside_body=False)
    body = body_of(volume)
    assert seen < network.windows
    assert torch.equal(with_skip[0, 0][body], without[0, 0][body])
    assert body.any()


def test_what_is_skipped_is_background():
    volume = patient()
    volume[..., 3:] = 0
    inferer = BodySliceInferer(img_size=(64, 48), background_logit=-7.0)
    network = Spy(small_net())
    with torch.no_grad():
        logits = inferer(volume, network)
    assert network.windows == 3
    assert inferer.last_windows[0] == 3
    assert inferer.last_windows[1] > 5
    assert (logits[..., 3:] == -7.0).all()
    assert (logits[0, 0, 0, :, :3] == -7.0).all()


def test_without_skipping_the_network_sees_every_voxel():
    logits = run(patient(), small_net(), img_size=(32, 32), skip_outside_body=False, background_logit=-777.0)
    assert float(logits.min()) > -700


def test_agrees_with_monai_on_one_window():
    volume = patient(shape=(64, 48, 4), centre=(32, 24))
    ours = run(volume, small_net(), img_size=(64, 48), skip_outside_body=False)
    with torch.no_grad():
        theirs = SliceInferer(spatial_dim=2, roi_size=(64, 48), sw_batch_size=1)(volume, small_net())
    box = (slice(None), slice(None), slice(10, 50), slice(8, 40))
    assert torch.allclose(ours[box], theirs[box], atol=1e-6)


@pytest.mark.parametrize("img_size", [(64, 48), (24, 20)])
def test_batch_size_changes_nothing(img_size):
    volume = patient(shape=(90, 70, 7))
    one = run(volume, small_net(), img_size=img_size, batch_size=1)
    for batch_size in (2, 5, 100):
        assert torch.allclose(run(volume, small_net(), img_size=img_size, batch_size=batch_size), one, atol=1e-6)


def test_blended_windows_equal_one_large_window_away_from_their_edges():
    volume = patient()
    identity = nn.Conv2d(1, 1, 1)
    nn.init.ones_(identity.weight)
    nn.init.constant_(identity.bias, 0.25)
    logits = run(volume, identity, img_size=(24, 20), overlap=0.5)
    body = body_of(volume)
    assert torch.allclose(logits[0, 0][body], volume[0, 0][body] + 0.25, atol=1e-5)


def test_a_volume_smaller_than_the_window_is_padded_with_air():
    volume = torch.full((1, 1, 20, 13, 2), 0.8)
    seen = []

    def network(x):
        seen.append(x)
        return x * 2

    logits = run(volume, network, img_size=(32, 24))
    assert seen[0].shape == (2, 1, 32, 24)
    assert float(seen[0].sum()) == pytest.approx(0.8 * 20 * 13 * 2, rel=1e-5)
    assert bool((seen[0][:, :, 6:26, 6:19] == seen[0].max()).all()), "the body lies in the middle of the window"
    assert torch.allclose(logits, volume * 2)


@pytest.mark.parametrize("count", [1, 3])
def test_one_slice_is_a_volume(count):
    logits = run(patient(shape=(90, 70, 1)), small_net(count), img_size=(64, 48), neighbour_slices=count)
    assert logits.shape == (1, 1, 90, 70, 1)
    assert logits.isfinite().all()


def test_neighbours_are_stacked_from_low_to_high_and_repeat_at_the_ends():
    volume = torch.stack([torch.full((8, 8), float(z)) for z in (1, 2, 3, 4)], -1)[None, None]
    volume = torch.cat([volume, volume * 10], 1)
    seen = []

    def network(x):
        seen.append(x[:, :, 0, 0])
        return x[:, :1]

    run(volume, network, img_size=(8, 8), batch_size=4, neighbour_slices=3)
    expected = [[1, 10, 1, 10, 2, 20], [1, 10, 2, 20, 3, 30], [2, 20, 3, 30, 4, 40], [3, 30, 4, 40, 4, 40]]
    assert seen[0].tolist() == expected


def test_several_input_and_output_channels():
    volume = torch.cat([patient(), patient(seed=1)], 1)
    logits = run(volume, small_net(2, 3), img_size=(64, 48), background_logit=[5.0, -5.0, -6.0])
    assert logits.shape == (1, 3, 90, 70, 5)
    assert logits[0, :, 0, 0, 0].tolist() == [5.0, -5.0, -6.0]


def test_the_answer_is_float32_and_knows_where_it_came_from():
    affine = torch.diag(torch.tensor([0.8, 0.7, 3.0, 1.0], dtype=torch.float64))
    transform = Compose([Orientationd(keys="image", axcodes="RAS", labels=None), PlaneSpacingd(keys="image")])
    item = transform({"image": MetaTensor(patient()[0], affine=affine)})
    image = item["image"]
    batch = MetaTensor(image[None], meta=image.meta, applied_operations=image.applied_operations)
    logits = run(batch, lambda x: x.bfloat16() * 2, img_size=(64, 48))
    assert isinstance(logits, MetaTensor)
    assert logits.dtype == torch.float32
    assert logits.applied_operations == item["image"].applied_operations
    item["pred"] = logits[0]
    back = Invertd(keys="pred", transform=transform, orig_keys="image")(item)["pred"]
    assert back.shape == (1, 90, 70, 5)
    assert np.allclose(np.asarray(back.affine), np.asarray(affine))


def test_the_couch_costs_no_window():
    volume = patient(shape=(120, 120, 3), centre=(60, 40))
    volume[0, 0, 5:115, 100:103] = 0.6
    inferer = BodySliceInferer(img_size=(64, 48))
    with torch.no_grad():
        inferer(volume, small_net())
    assert inferer.last_windows[0] == 3


def test_a_progress_bar_is_shown_on_request(capsys):
    run(patient(), small_net(), img_size=(64, 48), progress=True)
    assert "windows" in capsys.readouterr().err


def test_extra_arguments_reach_the_network():
    seen = []

    def network(x, first, *, second):
        seen.append((first, second))
        return x

    BodySliceInferer(img_size=(64, 48))(patient(), network, 1, second=2)
    assert set(seen) == {(1, 2)}


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="batch_size >= 1 and 0 <= overlap < 1, got .* overlap=1.0"):
        BodySliceInferer(overlap=1.0)
    with pytest.raises(ValueError, match="positive odd number of slices .*, got 2"):
        BodySliceInferer(neighbour_slices=2)
    with pytest.raises(ValueError, match=r"inside the first window \[-160, 240\]"):
        BodySliceInferer(window_hu=(-160, 240))
    with pytest.raises(ValueError, match=r"at a time, got shape \(2, 1, 8, 8, 2\)"):
        BodySliceInferer()(torch.zeros(2, 1, 8, 8, 2), small_net())
    with pytest.raises(ValueError, match=r"must map .* got \(4, 1, 32, 24\)"):
        run(patient(), lambda x: x[:, :, ::2, ::2], img_size=(64, 48))
    with pytest.raises(ValueError, match=r"with voxels in it at a time, got shape \(1, 1, 8, 8, 0\)"):
        run(torch.zeros(1, 1, 8, 8, 0), small_net())


def test_arms_in_one_slice_cost_no_window_in_the_others():
    volume = patient(shape=(120, 70, 5))
    volume[0, 0, 2:100, 26:38, 4] = 0.7
    inferer = BodySliceInferer(img_size=(64, 48))
    with torch.no_grad():
        logits = inferer(volume, small_net())
        whole = BodySliceInferer(img_size=(120, 70))(volume, small_net())
    assert inferer.last_windows[0] == 4 + 2
    inside = body_of(volume) & (volume[0, 0] > 0)
    inside[..., 4] = False
    assert torch.allclose(logits[0, 0][inside], whole[0, 0][inside], atol=1e-5)


def test_a_volume_kept_in_half_precision_is_segmented_in_full():
    volume = patient().half()
    logits = run(volume, small_net(), img_size=(64, 48))
    assert torch.equal(logits, run(volume.float(), small_net(), img_size=(64, 48)))
