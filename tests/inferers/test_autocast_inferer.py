"""AutocastInferer: low precision inside, float32 outside."""

import pytest
import torch
from monai.data import MetaTensor
from torch import nn

from tools.inferers.autocast_inferer import AutocastInferer
from tools.inferers.slice_inferer import BodySliceInferer


@pytest.mark.parametrize("dtype", ["bfloat16", torch.bfloat16])
def test_the_network_computes_in_bfloat16_and_the_answer_is_float32(dtype):
    network = nn.Conv2d(1, 2, 3, padding=1)
    seen = []
    network.register_forward_hook(lambda module, args, out: seen.append(out.dtype))
    inputs = MetaTensor(torch.rand(1, 1, 8, 8), affine=torch.eye(4) * 2)
    out = AutocastInferer(dtype=dtype)(inputs, network)
    assert seen == [torch.bfloat16]
    assert out.dtype == torch.float32
    assert torch.equal(out.affine, inputs.affine)
    plain = network(inputs)
    assert 0 < float((out - plain).abs().max()) < 0.05


def test_disabled_is_the_plain_answer():
    network = nn.Conv2d(1, 1, 3)
    inputs = torch.rand(1, 1, 8, 8)
    assert torch.equal(AutocastInferer(enabled=False)(inputs, network), network(inputs))


def test_structures_are_cast_and_integers_stay():
    def network(x):
        return {"a": x.bfloat16(), "b": (x.half(), [x.long()]), "c": "text"}

    out = AutocastInferer()(torch.ones(1), network)
    assert out["a"].dtype == torch.float32
    assert out["b"][0].dtype == torch.float32
    assert out["b"][1][0].dtype == torch.int64
    assert out["c"] == "text"


def test_it_wraps_the_slice_inferer():
    volume = torch.full((1, 1, 16, 16, 2), 0.7)
    network = nn.Conv2d(1, 1, 1)
    out = AutocastInferer(BodySliceInferer((16, 16)))(volume, network)
    assert out.dtype == torch.float32
    assert torch.allclose(out, BodySliceInferer((16, 16))(volume, network), atol=0.02)


def test_gradients_flow_in_training():
    network = nn.Conv2d(1, 1, 1)
    AutocastInferer()(torch.rand(2, 1, 4, 4), network).sum().backward()
    assert network.weight.grad.dtype == torch.float32


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="dtype must be one of .*, got 'int8'"):
        AutocastInferer(dtype="int8")
    with pytest.raises(ValueError, match="device_type must be cpu, cuda or null, got 'tpu'"):
        AutocastInferer(device_type="tpu")
