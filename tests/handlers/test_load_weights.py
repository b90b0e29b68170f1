import pytest
import torch
from ignite.engine import Engine
from torch import nn

from tools.handlers.load_weights import LoadWeights


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU())
    for _ in range(3):
        net(torch.rand(4, 1, 8, 8) * 5)
    return net.eval()


def start(handler: LoadWeights, times: int = 1) -> None:
    engine = Engine(lambda engine, batch: None)
    handler.attach(engine)
    for _ in range(times):
        engine.run([0])


@pytest.mark.parametrize("fold", [False, True])
def test_the_network_answers_like_the_one_that_was_saved(tmp_path, fold):
    saved, other = network(0), network(1)
    torch.save(saved.state_dict(), tmp_path / "model.pt")
    image = torch.rand(2, 1, 8, 8)
    assert not torch.allclose(other(image), saved(image), atol=1e-2)
    start(LoadWeights(tmp_path / "model.pt", other, fold=fold), times=2)
    assert torch.allclose(other(image), saved(image), atol=1e-5)
    assert isinstance(other[1], nn.Identity) == fold


def test_missing_weights_say_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="train first.*--ckpt_dir.*--load_pretrain false"):
        start(LoadWeights(tmp_path / "model.pt", network(0)))


def test_weights_of_another_network_say_what_to_do(tmp_path):
    torch.save(nn.Sequential(nn.Conv2d(1, 5, 3), nn.BatchNorm2d(5)).state_dict(), tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"they do not fit it: size mismatch for 0.weight.*\. Give the overlays"):
        start(LoadWeights(tmp_path / "model.pt", network(0)))


def test_weights_with_other_names_show_both_names(tmp_path):
    torch.save(nn.DataParallel(network(0)).state_dict(), tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r'Missing key.* "0\.weight".*; Unexpected key.* "module\.0\.weight"'):
        start(LoadWeights(tmp_path / "model.pt", network(0)))


def test_a_checkpoint_to_go_on_from_is_not_taken_for_weights(tmp_path):
    torch.save({"fingerprint": "a", "epoch": 1, "network": network(0).state_dict()}, tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"is a checkpoint to go on training from, not weights: give the model\.pt"):
        start(LoadWeights(tmp_path / "model.pt", network(0)))


@pytest.mark.parametrize("kind", ["half", "empty", "pointer", "text", "module", "tensor"])
def test_what_is_no_file_of_weights_is_told_to_be_copied_again(tmp_path, kind):
    path = tmp_path / "model.pt"
    torch.save(network(0).state_dict(), path)
    whole = path.read_bytes()
    if kind in ("module", "tensor"):
        torch.save(network(0) if kind == "module" else torch.zeros(3), path)
    else:
        path.write_bytes(
            {"half": whole[: len(whole) // 2], "empty": b"", "pointer": b"version https://git", "text": b"hello"}[kind]
        )
    with pytest.raises(ValueError, match=r"model.pt cannot be read as weights \(\w+\): copy or download it again"):
        start(LoadWeights(path, network(0)))


def test_the_untrained_network_is_left_alone(tmp_path):
    net = network(0)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    start(LoadWeights(tmp_path / "none.pt", net, enabled=False))
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
