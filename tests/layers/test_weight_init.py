"""Kaiming for convolutions, Xavier for linear layers, nothing in the biases."""

import pytest
import torch
from torch import nn

from tools.layers.weight_init import init_weights


@pytest.mark.parametrize("layer", [nn.Conv2d(64, 32, 3), nn.Conv3d(32, 64, 3), nn.ConvTranspose2d(64, 64, 2)])
def test_convolutions_are_kaiming_normal(layer):
    init_weights(layer)
    fan_in = layer.weight[0].numel()
    assert layer.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.05)
    assert not layer.bias.any()


def test_linear_is_xavier_uniform():
    layer = nn.Linear(100, 300)
    init_weights(layer)
    bound = (6 / 400) ** 0.5
    assert layer.weight.abs().max().item() == pytest.approx(bound, rel=0.01)
    assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
    assert not layer.bias.any()


@pytest.mark.parametrize("layer", [nn.BatchNorm2d(4), nn.LayerNorm(4)])
def test_norms_start_as_identity(layer):
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    init_weights(layer)
    assert torch.equal(layer.weight, torch.ones(4))
    assert not layer.bias.any()


def test_other_modules_and_missing_biases_are_left_alone():
    init_weights(nn.ReLU())
    init_weights(nn.Conv2d(2, 2, 1, bias=False))
