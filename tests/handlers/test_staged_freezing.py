"""A part is still while it is frozen, and trained at a lower rate afterwards, also after a resume."""

import pytest
import torch
from monai.engines import SupervisedTrainer
from torch import nn

from tools.handlers.handler_states import load_states, save_states
from tools.handlers.stability_guard import StabilityGuard
from tools.handlers.staged_freezing import StagedFreezing


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.stem(x))


def trainer(tmp_path, epochs, **options):
    network = Network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1)
    freezing = StagedFreezing(network, optimizer, **{"freeze_epochs": 2, **options})
    data = [{"image": torch.randn(4, 4), "label": torch.tensor([0, 1, 0, 1])} for _ in range(3)]
    engine = SupervisedTrainer(
        device="cpu", max_epochs=epochs, train_data_loader=data, network=network, optimizer=optimizer,
        loss_function=nn.CrossEntropyLoss(), decollate=False,
        train_handlers=[StabilityGuard(network, optimizer, tmp_path), freezing],
    )  # fmt: skip
    return engine, network, optimizer


def weights(part: nn.Module) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in part.state_dict().values()]


def same(part: nn.Module, before: list[torch.Tensor]) -> bool:
    return all(torch.equal(now, then) for now, then in zip(part.state_dict().values(), before, strict=True))


def test_the_frozen_part_and_its_statistics_stay(tmp_path):
    engine, network, optimizer = trainer(tmp_path, epochs=2)
    stem, head = weights(network.stem), weights(network.head)
    engine.run()
    assert same(network.stem, stem)
    assert not same(network.head, head)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1)
    assert all(parameter.requires_grad for parameter in network.parameters()), "free again when the run is over"


def test_afterwards_it_is_trained_at_a_lower_rate(tmp_path):
    engine, network, optimizer = trainer(tmp_path, epochs=3)
    stem = weights(network.stem)
    engine.run()
    now = weights(network.stem)
    assert all(not torch.equal(one, other) for one, other in zip(now, stem, strict=True))
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.02)


def test_the_rate_is_lowered_once_also_over_a_resume(tmp_path):
    engine, _, _ = trainer(tmp_path, epochs=3)
    engine.run()
    later, _, optimizer = trainer(tmp_path, epochs=5)
    load_states(later, save_states(engine))
    later.state.epoch, later.state.iteration = 3, 9
    optimizer.param_groups[0]["lr"] = 0.02
    later.run()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.02)


def test_without_frozen_epochs_nothing_changes(tmp_path):
    engine, network, optimizer = trainer(tmp_path, epochs=1, freeze_epochs=0)
    stem = weights(network.stem)
    engine.run()
    assert not same(network.stem, stem)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1)


def test_a_schedule_that_computes_its_rates_follows(tmp_path):
    network = Network()
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
    handler = StagedFreezing(network, optimizer, freeze_epochs=1, factor=0.2, lr_scheduler=scheduler)
    engine = SupervisedTrainer(
        device="cpu", max_epochs=2, network=network, optimizer=optimizer, loss_function=nn.CrossEntropyLoss(),
        train_data_loader=[{"image": torch.randn(4, 4), "label": torch.tensor([0, 1, 0, 1])}], decollate=False,
        train_handlers=[handler],
    )  # fmt: skip
    engine.run()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.2)


def test_a_part_that_is_not_there_is_refused():
    network = Network()
    with pytest.raises(ValueError, match="no part 'body' to freeze; it has: stem, head"):
        StagedFreezing(network, torch.optim.SGD(network.parameters(), lr=1.0), part="body")
