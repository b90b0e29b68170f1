"""Patches become tokens in C order; a learned position embedding survives a change of image size."""

import pytest
import torch

from tools.layers.patch_embedding import PatchEmbedding


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_a_token_is_a_linear_map_of_its_patch_in_c_order(spatial_dims):
    layer = PatchEmbedding(spatial_dims, 2, (4, 6, 4)[:spatial_dims], 2, 5)
    x = torch.randn(1, 2, *(4, 6, 4)[:spatial_dims])
    tokens = layer(x)
    patches = x[0]
    for axis in range(1, spatial_dims + 1):
        patches = patches.unfold(axis, 2, 2)
    patches = patches.movedim(0, spatial_dims).flatten(spatial_dims).flatten(0, spatial_dims - 1)  # (N, in * 2**dims)
    expected = patches @ layer.projection.weight.flatten(1).T + layer.projection.bias
    expected = expected + layer.position[0].flatten(1).T
    torch.testing.assert_close(tokens[0], expected)


@pytest.mark.parametrize(
    ("size", "patch", "nearest"), [((250, 256), 16, (256, 256)), ((3, 33, 31), (8, 16, 8), (8, 32, 32))]
)
def test_refuses_part_of_a_patch_and_gives_the_nearest_size(size, patch, nearest):
    with pytest.raises(ValueError, match=r"nearest valid size is \(" + ", ".join(map(str, nearest))):
        PatchEmbedding(len(size), 1, size, patch, 4)


def test_refuses_an_image_of_another_size():
    layer = PatchEmbedding(2, 1, (8, 16), 4, 4)
    with pytest.raises(ValueError, match=r"built for img_size=\[8, 16\], got .*16, 8.*windows of img_size"):
        layer(torch.rand(1, 1, 16, 8))


class TestLoading:
    def test_the_same_size_loads_exactly(self):
        one, two = PatchEmbedding(2, 1, (8, 16), 4, 4), PatchEmbedding(2, 1, (8, 16), 4, 4)
        two.load_state_dict(one.state_dict())
        assert torch.equal(one.position, two.position)

    @pytest.mark.parametrize(("small", "large"), [((16, 32), (32, 16)), ((16, 32, 16), (32, 32, 8))])
    def test_another_size_is_interpolated_on_the_grid(self, small, large):
        one = PatchEmbedding(len(small), 1, small, 4, 3)
        two = PatchEmbedding(len(small), 1, large, 4, 3)
        ramp = torch.linspace(0, 1, small[0] // 4).reshape(1, 1, -1, *[1] * (len(small) - 1))
        one.position.data.copy_(ramp.expand_as(one.position))
        state = one.state_dict()
        two.load_state_dict(state)
        assert state["position"].shape == one.position.shape  # the caller's weights are left alone
        rows = two.position.detach()
        torch.testing.assert_close(
            rows, rows[:, :1, :, :1].expand_as(rows) if len(small) == 2 else rows[:, :1, :, :1, :1].expand_as(rows)
        )
        profile = rows[0, 0].flatten(1)[:, 0]
        assert (profile.diff() > 0).all()
        assert abs(profile.mean().item() - 0.5) < 1e-5

    def test_there_and_back_keeps_a_smooth_embedding(self):
        one, two, three = (PatchEmbedding(2, 1, size, 4, 1) for size in (64, 128, 64))
        wave = torch.sin(torch.linspace(0, 3, 16))
        one.position.data.copy_((wave[:, None] * wave[None])[None, None])
        two.load_state_dict(one.state_dict())
        three.load_state_dict(two.state_dict())
        assert (three.position - one.position)[:, :, 1:-1, 1:-1].abs().max() < 0.02

    def test_another_hidden_size_is_still_refused(self):
        with pytest.raises(RuntimeError, match="size mismatch for position"):
            PatchEmbedding(2, 1, 8, 4, 4).load_state_dict(PatchEmbedding(2, 1, 16, 4, 5).state_dict())
