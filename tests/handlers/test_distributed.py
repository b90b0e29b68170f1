"""Two Gloo ranks with a network that has BatchNorm."""

import json
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from ignite.engine import Events

from tests.handlers.test_stability_guard import assert_same, everything
from tests.handlers.toy_run import ToyLoss, parse, toy_trainer
from tools.handlers.checkpoint_file import read_checkpoint

pytestmark = pytest.mark.slow
BAD_INDEX = 5  # one item, so that only one of the ranks sees it
SCENARIOS = {  # folder: kind of fault, accumulation steps, whether rank 1 is signalled
    "image": ("image", 1, False),
    "gradient": ("gradient", 2, False),
    "interrupted": ("none", 1, True),
}


def train(rank: int, folder: Path, kind: str, accumulation: int, interrupt: bool) -> dict:
    """Train once on this rank; return what happened."""
    options = [str(folder), "--accumulation", str(accumulation), "--epochs", "2"]
    if interrupt and rank == 1:
        options += ["--signal-at", "4", "--signal", "15"]
    trainer = toy_trainer(parse(options), faults={BAD_INDEX: kind})
    if kind == "gradient" and rank == 1:
        trainer.loss_function = ToyLoss(poisoned=(2,))
    record = {"done": [], "skipped": [], "before": {}, "after": {}, "reductions": []}
    reduce, begun = dist.all_reduce, []

    def counted(*args, **kwargs):
        begun.append(1)
        return reduce(*args, **kwargs)

    def completed(engine):
        record["reductions"].append(len(begun))
        record["done"].append(engine.state.iteration)
        record["after"][engine.state.iteration] = everything(engine)
        if engine.state.step_skipped:
            record["skipped"].append(engine.state.iteration)

    trainer.add_event_handler(
        Events.ITERATION_STARTED, lambda engine: record["before"].update({engine.state.iteration: everything(engine)})
    )
    trainer.add_event_handler(Events.ITERATION_COMPLETED, completed)
    trainer.add_event_handler(Events.ITERATION_STARTED, begun.clear)
    dist.all_reduce = counted
    try:
        trainer.run()
    except SystemExit as end:
        record["exit"] = end.code
    finally:
        dist.all_reduce = reduce
    record["incidents"] = trainer.state.incidents
    return record


def worker(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    records = {name: train(rank, folder / name, *scenario) for name, scenario in SCENARIOS.items()}
    dist.barrier()
    state = read_checkpoint(folder / "interrupted" / "models" / "last.ckpt") if rank == 0 else None
    dist.barrier()
    records["resumed"] = train(rank, folder / "interrupted", "none", 1, False)
    torch.save({"records": records, "state": state}, folder / f"rank{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("ranks")
    torch.multiprocessing.spawn(worker, (place,), nprocs=2)
    return place


@pytest.fixture(scope="module")
def ranks(folder):
    return [torch.load(folder / f"rank{rank}.pt", weights_only=False)["records"] for rank in (0, 1)]


@pytest.mark.parametrize("name", ["image", "gradient"])
def test_ranks_agree_to_skip_and_stay_equal(folder, ranks, name):
    one, other = (records[name] for records in ranks)
    assert one["skipped"] == other["skipped"] != []
    assert one["incidents"] == other["incidents"] == len(one["skipped"])
    assert one["done"] == other["done"] == list(range(1, 7))
    for record in (one, other):
        for iteration in record["skipped"] if name == "image" else []:
            assert_same(record["before"][iteration], record["after"][iteration])
        assert all(torch.isfinite(value).all() for value in record["after"][6][0].values())
    weights = [{n: v for n, v in record["after"][6][0].items() if "running" not in n} for record in (one, other)]
    assert_same(*weights)
    assert not torch.equal(one["after"][6][0]["module.0.weight"], one["before"][1][0]["module.0.weight"])
    lines = [json.loads(line) for line in (folder / name / "eval" / "incidents.jsonl").read_text().splitlines()]
    assert {line["kind"] for line in lines} == {name}
    if name == "image":
        assert {file for line in lines for file in line["files"]} == {f"case_{BAD_INDEX}.nii"}
        assert len(lines) == len(one["skipped"])  # only the rank that has the file writes


def test_signal_to_one_rank_stops_both_and_both_resume(folder, ranks):
    assert [records["interrupted"]["exit"] for records in ranks] == [143, 143]
    assert [records["interrupted"]["done"] for records in ranks] == [[1, 2, 3, 4]] * 2
    state = torch.load(folder / "rank0.pt", weights_only=False)["state"]
    assert state["iteration"] == 4
    assert len(state["random"]) == 2
    assert not any(name.startswith("module.") for name in state["network"])
    assert [records["resumed"]["done"] for records in ranks] == [[5, 6]] * 2


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_flags_and_signals_travel_in_one_reduction(ranks, name):
    for records in ranks:
        assert records[name]["reductions"] == [1] * len(records[name]["done"])
