"""FlipInferer: a mean of probabilities that does not know left from right."""

import pytest
import torch
from monai.data import MetaTensor
from torch import nn

from tools.inferers.flip_inferer import FlipInferer
from tools.inferers.slice_inferer import BodySliceInferer


def network(out_channels=1):
    """Return a convolution that is anything but symmetric."""
    torch.manual_seed(0)
    return nn.Conv2d(1, out_channels, 3, padding=1).eval()


def test_mirrored_inputs_give_mirrored_answers():
    inputs = torch.rand(1, 1, 16, 12)
    inferer = FlipInferer()
    with torch.no_grad():
        assert not torch.allclose(network()(inputs).flip(2), network()(inputs.flip(2)), atol=1e-3)
        for dims in ([2], [3], [2, 3]):
            mirrored = inferer(inputs.flip(dims), network())
            assert torch.allclose(inferer(inputs, network()).flip(dims), mirrored, atol=1e-5)


def test_it_is_the_mean_of_probabilities():
    inputs = torch.rand(2, 1, 8, 8)
    net = network()
    with torch.no_grad():
        expected = (net(inputs).sigmoid() + net(inputs.flip(2)).sigmoid().flip(2)) / 2
        assert torch.allclose(FlipInferer(spatial_axes=[0])(inputs, net).sigmoid(), expected, atol=1e-6)


def test_softmax_channels_average_to_probabilities():
    inputs = torch.rand(2, 1, 8, 8)
    net = network(3)
    with torch.no_grad():
        expected = (net(inputs).softmax(1) + net(inputs.flip(3)).softmax(1).flip(3)) / 2
        assert torch.allclose(FlipInferer(spatial_axes=[1], softmax=True)(inputs, net).softmax(1), expected, atol=1e-6)


def test_confident_answers_do_not_saturate():
    out = FlipInferer()(torch.full((1, 1, 4, 4), 60.0), nn.Identity())
    assert torch.allclose(out, torch.full_like(out, 60.0), atol=1e-3)


def test_it_runs_inside_the_slice_inferer():
    volume = MetaTensor(torch.rand(1, 1, 16, 12, 3) * 0.3 + 0.6, affine=torch.eye(4) * 2)
    inferer = FlipInferer(BodySliceInferer((16, 12)))
    with torch.no_grad():
        out = inferer(volume, network())
        mirrored = inferer(volume.flip(2), network())
    assert torch.equal(out.affine, volume.affine)
    assert torch.allclose(out.flip(2).as_tensor(), mirrored.as_tensor(), atol=1e-5)


def test_the_network_keeps_its_mode():
    net = network()
    FlipInferer()(torch.rand(1, 1, 4, 4), net)
    assert not net.training


def test_wrong_axes_are_named():
    with pytest.raises(ValueError, match=r"one flip or more with axes counted from 0, got \[-1\]"):
        FlipInferer(spatial_axes=[-1])
    with pytest.raises(ValueError, match="one flip or more"):
        FlipInferer(spatial_axes=[])
