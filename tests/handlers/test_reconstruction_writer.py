"""Reconstructions: the right slice, the right patients, in evaluation mode, and no picture of a former run."""

import json

import pytest
import torch
from ignite.engine import Engine
from monai.data import MetaTensor
from torch import nn

from tools.handlers.reconstruction_writer import ReconstructionWriter, slice_to_show
from tools.inferers.slice_inferer import BodySliceInferer


class Halving(nn.Module):
    """Rebuilds an image at half its brightness; remembers what it saw, and in which mode."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5))
        self.seen, self.modes = [], []

    def reconstruct(self, image):
        self.seen.append(image)
        self.modes.append((self.training, torch.is_grad_enabled()))
        return image * self.scale


def item(brightness: float, target_slice: int | None = None) -> dict[str, MetaTensor]:
    """A body of even brightness, a little brighter from slice to slice."""
    image, label = torch.zeros(1, 16, 16, 5), torch.zeros(1, 16, 16, 5)
    for z in range(5):
        image[0, 2:14, 2:14, z] = brightness + 0.01 * z
    if target_slice is not None:
        label[0, 5:8, 5:8, target_slice] = 1
    affine = torch.diag(torch.tensor([2.0, 2.0, 3.0, 1.0]))
    return {name: MetaTensor(volume, affine=affine) for name, volume in (("image", image), ("label", label))}


def run(folder, items, network=None, neighbour_slices=1, **kwargs):
    """Validate over items by name; return the index of pictures."""
    engine = Engine(lambda engine, batch: batch)
    inferer = BodySliceInferer(img_size=(16, 16), neighbour_slices=neighbour_slices)
    writer = ReconstructionWriter(network or Halving(), inferer, folder, **kwargs)
    writer.attach(engine)
    batches = [[{"patient": name, **values}] for name, values in items.items()]
    engine.run(batches)
    return writer, json.loads((folder / "reconstructions" / "index.json").read_text())


def test_the_slice_with_the_largest_target_is_rebuilt_in_evaluation_mode(tmp_path):
    network = Halving().train()
    writer, index = run(tmp_path, {"a": item(0.6, target_slice=3)}, network)
    (found,) = writer.found
    assert found.picture.slice_number == 4
    assert found.picture.image.max() == pytest.approx(0.63)
    assert found.rebuilt.max() == pytest.approx(0.315)
    assert found.error == pytest.approx(0.315**2 * 144 / 256)
    assert index[0]["error"] == pytest.approx(found.error)
    assert (tmp_path / "reconstructions" / index[0]["file"]).read_bytes().startswith(b"\x89PNG")
    assert network.modes == [(False, False)]
    assert network.training


def test_what_the_inferer_leaves_out_is_air_and_not_a_logit(tmp_path):
    writer, _ = run(tmp_path, {"a": item(0.6, 1)})
    assert writer.found[0].rebuilt.min() == 0.0


def test_neighbours_go_along_and_the_slice_itself_is_shown(tmp_path):
    network = Halving()
    writer, _ = run(tmp_path, {"first": item(0.6, 0), "inner": item(0.6, 2)}, network, neighbour_slices=3)
    assert [found.rebuilt.max() for found in writer.found] == pytest.approx([0.3, 0.31])
    assert {image.shape[1] for image in network.seen} == {3}


def test_the_first_patients_are_shown_and_pictures_of_a_former_run_go_away(tmp_path):
    run(tmp_path, {name: item(0.5, 1) for name in ("old", "older")})
    _, index = run(tmp_path, {name: item(0.5, 1) for name in "abcde"}, patients=2)
    assert [entry["patient"] for entry in index] == ["a", "b"]
    names = {entry["file"] for entry in index} | {"index.json"}
    assert {path.name for path in (tmp_path / "reconstructions").iterdir()} == names


def test_without_a_target_or_on_another_grid_the_middle_slice_is_shown():
    image, label = torch.zeros(1, 4, 4, 9), torch.zeros(1, 4, 4, 9)
    assert slice_to_show(image, None) == slice_to_show(image, label) == 4
    assert slice_to_show(image, torch.ones(1, 8, 8, 18)) == 4
    label[..., 7] = 1
    assert slice_to_show(image, label) == 7


def test_a_network_that_rebuilds_nothing_is_refused(tmp_path):
    writer = ReconstructionWriter(nn.Linear(1, 1), BodySliceInferer(), tmp_path)
    with pytest.raises(TypeError, match=r"needs a network with reconstruct\(image\), Linear has none"):
        writer.attach(Engine(lambda engine, batch: None))
