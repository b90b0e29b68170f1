import copy
import json
from unittest.mock import patch

import pytest
import torch
from ignite.engine import Events
from monai.data import MetaTensor
from monai.engines import SupervisedTrainer
from torch import nn

from tests.handlers.toy_run import ToyImages, ToyLoss, ToyNetwork
from tools.handlers.stability_guard import StabilityGuard

torch.set_num_threads(1)
KINDS = ["image", "label", "loss", "gradient"]
BAD = 3  # place of the bad micro-batch, from 0


def batches(number=6, kind=None, bad=(BAD,)):
    result = []
    for place in range(number):
        data = ToyImages(faults={2 * place: kind} if place in bad else {})
        items = [data[2 * place], data[2 * place + 1]]
        result.append(
            {key: torch.stack([item[key] for item in items]) for key in ("image", "label")}
            | {"file": [item["file"] for item in items], "slice": torch.tensor([item["slice"] for item in items])}
        )
    return result


def make_trainer(folder, data, *, scaler=None, accumulation=1, loss=None, guard=True, epochs=1, **options):
    torch.manual_seed(0)
    network = ToyNetwork()
    network[2].p = 0.0  # so that leaving a batch out leaves the random numbers as they are
    optimizer = options.pop("optimizer", torch.optim.AdamW)(network.parameters(), lr=0.01, weight_decay=0.5)
    handlers = [StabilityGuard(network, optimizer, folder, **options)] if guard else []
    trainer = SupervisedTrainer(
        device=torch.device("cpu"), max_epochs=epochs, train_data_loader=data, network=network, optimizer=optimizer,
        loss_function=loss or ToyLoss(), train_handlers=handlers, decollate=False, amp=scaler is not None,
        accumulation_steps=accumulation,
    )  # fmt: skip
    if scaler is not None:

        @trainer.on(Events.STARTED)
        def use_real_scaler(engine):
            engine.scaler = torch.amp.GradScaler("cpu", init_scale=scaler, growth_interval=1000)

    return trainer


def everything(trainer):
    return copy.deepcopy(
        [trainer.network.state_dict(), trainer.optimizer.state_dict()["state"], trainer.optimizer.param_groups[0]["lr"]]
    )


def assert_same(first, second):
    assert type(first) is type(second)
    if isinstance(first, torch.Tensor):
        assert torch.equal(first, second)
    elif isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_same(first[key], second[key])
    elif isinstance(first, list | tuple):
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    else:
        assert first == second


def incidents(folder):
    return [json.loads(line) for line in (folder / "incidents.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, torch.optim.SGD])
@pytest.mark.parametrize("scaler", [None, 1.0, 1024.0])
@pytest.mark.parametrize("kind", KINDS)
def test_bad_batch_leaves_everything_as_it_was_and_the_run_goes_on(tmp_path, kind, scaler, optimizer):
    if kind == "gradient" and scaler == 1024.0:
        scaler = 1.0  # above 1 a gradient that overflows is the scaler's affair: tested below
    poisoned = (BAD + 1,) if kind == "gradient" else ()
    trainer = make_trainer(tmp_path, batches(kind=kind), scaler=scaler, loss=ToyLoss(poisoned), optimizer=optimizer)
    before, after = {}, {}
    trainer.add_event_handler(Events.ITERATION_STARTED, lambda e: before.update({e.state.iteration: everything(e)}))
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda e: after.update({e.state.iteration: everything(e)}))
    trainer.run()
    assert_same(before[BAD + 1], after[BAD + 1])
    assert not torch.equal(before[BAD][0]["0.weight"], after[BAD][0]["0.weight"])

    good = [batch for place, batch in enumerate(batches()) if place != BAD]
    reference = make_trainer(tmp_path / "reference", good, scaler=scaler, optimizer=optimizer)
    reference.run()
    assert_same(everything(trainer), everything(reference))
    if scaler is not None:
        assert trainer.scaler.get_scale() == reference.scaler.get_scale() == scaler
        assert trainer.scaler.state_dict()["_growth_tracker"] == 5
    assert trainer.state.incidents == trainer.state.metrics["incidents"] == 1
    (incident,) = incidents(tmp_path)
    assert incident["kind"] == kind
    assert (incident["epoch"], incident["iteration"], incident["rank"]) == (1, BAD + 1, 0)
    assert incident["files"][0] == f"case_{2 * BAD}.nii"
    assert incident["slices"][0] == 2 * BAD


@pytest.mark.parametrize("scaler", [None, 1.0, 64.0])
@pytest.mark.parametrize("set_to_none", [True, False])
@pytest.mark.parametrize("bad", [(3,), (4,), (5,), (3, 4), (3, 4, 5)])
@pytest.mark.parametrize("kind", ["image", "gradient"])
def test_accumulation_loses_the_bad_micro_batch_only(tmp_path, kind, bad, set_to_none, scaler):
    if kind == "gradient" and scaler == 64.0:
        scaler = None
    data = batches(9, kind=kind, bad=bad)
    loss = ToyLoss(tuple(place + 1 for place in bad) if kind == "gradient" else ())
    trainer = make_trainer(tmp_path, data, accumulation=3, loss=loss, scaler=scaler, max_in_a_row=99)
    trainer.optim_set_to_none = set_to_none
    trainer.run()

    torch.manual_seed(0)
    network = ToyNetwork().train()
    network[2].p = 0.0
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0.5)
    for place, batch in enumerate(data):
        if place not in bad:
            (ToyLoss()(network(batch["image"]), batch["label"]) / 3).backward()
        if place % 3 == 2:
            nn.utils.clip_grad_norm_(network.parameters(), 0.5)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
    assert_same(dict(trainer.network.state_dict()), dict(network.state_dict()))
    assert_same(trainer.optimizer.state_dict()["state"], optimizer.state_dict()["state"])
    assert trainer.state.incidents == len(bad)


@pytest.mark.parametrize("accumulation", [1, 3])
@pytest.mark.parametrize("scaler", [None, 256.0])
def test_guard_changes_nothing_in_a_healthy_run(tmp_path, scaler, accumulation):
    guarded = make_trainer(tmp_path, batches(), scaler=scaler, accumulation=accumulation, max_grad_norm=None)
    plain = make_trainer(tmp_path, batches(), scaler=scaler, accumulation=accumulation, guard=False)
    guarded.run()
    plain.run()
    assert_same(everything(guarded), everything(plain))
    assert not (tmp_path / "incidents.jsonl").exists()
    assert guarded.state.metrics["incidents"] == 0


@pytest.mark.parametrize("accumulation", [1, 2])
def test_clipping_follows_unscaling(tmp_path, accumulation):
    scaled = make_trainer(
        tmp_path, batches(), scaler=2.0**12, accumulation=accumulation, max_grad_norm=0.01, optimizer=torch.optim.SGD
    )
    plain = make_trainer(tmp_path, batches(), accumulation=accumulation, max_grad_norm=0.01, optimizer=torch.optim.SGD)
    norms = []
    plain.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: norms.append(engine.state.grad_norm))
    scaled.run()
    plain.run()
    assert min(norms) > 0.01
    clipped = nn.utils.get_total_norm([p.grad for p in scaled.network.parameters()])
    assert float(clipped) == pytest.approx(0.01, rel=1e-3)
    for one, other in zip(scaled.network.parameters(), plain.network.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-7)
    assert scaled.state.grad_norm == pytest.approx(plain.state.grad_norm, rel=1e-4)


@pytest.mark.parametrize("accumulation", [1, 2])
def test_overflow_while_the_scaler_looks_for_its_scale_is_no_incident(tmp_path, accumulation):
    scaler, loss = 2.0**126, ToyLoss(factor=16.0)  # overflows until the scale has backed off
    trainer = make_trainer(tmp_path, batches(), scaler=scaler, accumulation=accumulation, epochs=40, loss=loss)
    first = everything(trainer)
    states = []
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: states.append(everything(engine)))
    trainer.run()
    assert trainer.scaler.get_scale() < scaler
    assert trainer.state.incidents == 0
    assert torch.equal(states[accumulation - 1][0]["0.weight"], first[0]["0.weight"])
    assert not torch.equal(states[-1][0]["0.weight"], first[0]["0.weight"])
    assert all(torch.isfinite(value).all() for value in trainer.network.state_dict().values())


def test_nan_gradient_above_scale_one_backs_off_and_counts_when_the_scale_is_used_up(tmp_path):
    trainer = make_trainer(tmp_path, batches(8), scaler=4.0, loss=ToyLoss(tuple(range(1, 9))), max_in_a_row=3)
    with pytest.raises(FloatingPointError, match="3 steps in a row"):
        trainer.run()
    assert trainer.state.iteration == 5  # 4 and 2 are the scaler's, then three incidents at 1
    assert trainer.scaler.get_scale() == 1.0
    assert [incident["iteration"] for incident in incidents(tmp_path)] == [3, 4, 5]


def test_persistent_fault_stops_with_counts_files_and_causes(tmp_path):
    trainer = make_trainer(tmp_path, batches(kind="image", bad=(2, 3, 4)), max_in_a_row=3)
    with pytest.raises(FloatingPointError, match="3 steps in a row.*image.*case_8.nii.*convert them again") as error:
        trainer.run()
    assert "incidents.jsonl" in str(error.value)
    assert trainer.state.iteration == 5
    assert all(torch.isfinite(value).all() for value in trainer.network.state_dict().values())


def test_a_good_step_in_between_begins_the_count_anew(tmp_path):
    trainer = make_trainer(tmp_path, batches(kind="image", bad=(0, 1, 3, 4)), max_in_a_row=3)
    trainer.run()
    assert trainer.state.incidents == 4


def test_incident_tells_the_statistic_and_strict_json_holds_it(tmp_path):
    data = batches(kind="image")
    data[BAD]["image"][0, 0, 0, 0] = -torch.inf
    trainer = make_trainer(tmp_path, data)
    trainer.run()
    (incident,) = incidents(tmp_path)
    finite = data[BAD]["image"][torch.isfinite(data[BAD]["image"])]
    assert incident["nonfinite"] == 2
    assert incident["min"] == pytest.approx(float(finite.min()))
    assert incident["max"] == pytest.approx(float(finite.max()))
    assert incident["files"] == [f"case_{2 * BAD}.nii"]  # only the item that is bad
    assert incident["loss"] == "nan"
    assert trainer.state.step_skipped is False  # of the last step, a good one


def test_huge_finite_loss_is_clipped_not_skipped(tmp_path):
    trainer = make_trainer(tmp_path, batches(), loss=ToyLoss(factor=1e12))
    trainer.run()
    assert trainer.state.incidents == 0
    assert trainer.state.loss_value > 1e9


def test_samples_that_the_loss_left_out_count(tmp_path):
    class LeavesOut(ToyLoss):
        def forward(self, prediction, label):
            loss = super().forward(prediction, label)
            self.bad_samples = torch.tensor(1 if self.calls == BAD + 1 else 0)
            return loss

    trainer = make_trainer(tmp_path, batches(), loss=LeavesOut())
    trainer.run()
    assert [(incident["kind"], incident["iteration"]) for incident in incidents(tmp_path)] == [("logits", BAD + 1)]


def test_file_names_from_the_meta_data_of_the_image(tmp_path):
    data = batches(kind="image")
    for batch in data:
        batch["image"] = MetaTensor(batch["image"], meta={"filename_or_obj": batch.pop("file")})
        del batch["slice"]
    make_trainer(tmp_path, data).run()
    assert incidents(tmp_path)[0]["files"] == [f"case_{2 * BAD}.nii"]


@pytest.mark.parametrize("scaler", [None, 256.0])
@pytest.mark.parametrize("accumulation", [1, 2])
def test_at_most_two_host_syncs_an_iteration(tmp_path, accumulation, scaler):
    counts, names = [], ("item", "tolist", "__bool__", "__float__", "__int__", "__index__", "numpy", "cpu")
    calls = []

    def counted(original):
        def call(self, *args, **kwargs):
            calls.append(original.__name__)
            return original(self, *args, **kwargs)

        return call

    trainer = make_trainer(tmp_path, batches(), accumulation=accumulation, scaler=scaler, optimizer=torch.optim.SGD)
    trainer.add_event_handler(Events.ITERATION_STARTED, lambda: calls.clear())
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: counts.append(list(calls)))
    patches = [patch.object(torch.Tensor, name, counted(getattr(torch.Tensor, name))) for name in names]
    for one in patches:
        one.start()
    try:
        trainer.run()
    finally:
        for one in patches:
            one.stop()
    assert max(len(count) for count in counts) <= 2, counts
    assert counts[-1] == ["tolist", "tolist"]


def test_counters_are_saved_and_restored(tmp_path):
    trainer = make_trainer(tmp_path, batches(kind="image"))
    trainer.run()
    state = trainer.stateful_handlers["stability_guard"].state_dict()
    assert state == {
        "incidents": 1, "in_a_row": 0, "counts": {"image": 1, "label": 0, "logits": 0, "loss": 0, "gradient": 0},
    }  # fmt: skip
    other = make_trainer(tmp_path, batches())
    other.stateful_handlers["stability_guard"].load_state_dict(state)
    other.run()
    assert other.state.metrics["incidents"] == 1


def test_wrong_arguments_all_at_once(tmp_path):
    network = ToyNetwork()
    optimizer = torch.optim.SGD(network.parameters())
    with pytest.raises(
        ValueError, match="max_grad_norm must be above 0, got 0.*max_in_a_row must be at least 1, got 0"
    ):
        StabilityGuard(network, optimizer, tmp_path, max_grad_norm=0, max_in_a_row=0)
