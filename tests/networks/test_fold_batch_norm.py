"""Folding changes nothing but the number of operations."""

import copy

import pytest
import torch
from torch import nn

from tests.networks.small_aura import NARROW
from tools.networks.aura_vit import AuraViT
from tools.networks.fold_batch_norm import fold_batch_norm


def lived_in(spatial_dims: int) -> AuraViT:
    """A network whose norms have statistics and weights of their own."""
    torch.manual_seed(0)
    network = AuraViT(spatial_dims, img_size=(32, 16, 16)[:spatial_dims], patch_size=8, **NARROW)
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias)
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.5, 2.0)
    nn.init.xavier_uniform_(network.decoder.out.weight)
    return network.eval()


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_logits_stay_and_every_norm_goes(spatial_dims):
    network = lived_in(spatial_dims)
    image = torch.randn(2, 1, *network.encoder.embedding.img_size)
    folded = fold_batch_norm(copy.deepcopy(network))
    with torch.no_grad():
        before, after = network(image), folded(image)
    assert (before - after).abs().max() <= 1e-5 * before.abs().max()
    assert not [m for m in folded.modules() if isinstance(m, nn.BatchNorm2d | nn.BatchNorm3d)]


def test_a_bias_is_folded_too():
    layers = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)).eval()
    nn.init.normal_(layers[0].bias)
    nn.init.normal_(layers[1].running_mean)
    nn.init.uniform_(layers[1].running_var, 2.0, 3.0)
    image = torch.randn(1, 2, 5, 5)
    before = layers(image)
    torch.testing.assert_close(fold_batch_norm(layers)(image), before)


def test_refuses_a_network_in_training():
    with pytest.raises(ValueError, match=r"call network.eval\(\) first"):
        fold_batch_norm(nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)))
