"""PatientScores of several processes: each patient counts once, and all agree."""

import json
import math
import socket

import pytest
import torch
import torch.multiprocessing as mp

from tests.handlers.scored_volumes import HAND_LABEL, HAND_PRED, engine_with, volume
from tools.handlers.patient_scores import PatientScores


def test_volumes_without_any_name_are_told_apart_on_different_ranks(monkeypatch):
    patients = []
    for rank in (0, 1):
        monkeypatch.setattr("ignite.distributed.get_rank", lambda rank=rank: rank)
        metric = PatientScores()
        metric.update(([volume((0, 0, 0))] * 2, [volume((0, 0, 0))] * 2))
        patients += [item["patient"] for item in metric.cases]
    assert len(set(patients)) == 4


def score_on_rank(rank, world_size, port, folder):
    """Score three patients on two ranks (two here, one there) and keep what each rank found."""
    import ignite.distributed as idist

    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=world_size)
    idist.sync()
    perfect, wrong = (volume((0, 0, 0)), volume((0, 0, 0))), (volume((0, 0, 0)), volume((1, 1, 1)))
    half = (volume(*HAND_PRED), volume(*HAND_LABEL))
    batches = [[[(*perfect, "a")], [(*wrong, "b")]], [[(*half, "c")]], []][rank]
    metric = PatientScores(output_dir=folder / str(rank), detailed=True)
    engine = engine_with(batches, metric) if batches else None
    if engine is None:
        metric = PatientScores()
        metric.reset()
        metrics = {"val_mean_dice": metric.compute(), "n_patients": len(metric.rows)}
    else:
        metrics = engine.state.metrics
    (folder / f"{rank}.json").write_text(json.dumps(metrics))
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_ranks_with_unequal_counts_agree(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.start_processes(score_on_rank, (3, port, tmp_path), nprocs=3, start_method="fork")
    first, second, idle = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(3))
    assert first == second
    assert first["val_mean_dice"] == idle["val_mean_dice"] == pytest.approx(0.5)
    assert first["n_patients"] == idle["n_patients"] == 3
    # of the four voxels of HAND_PRED, two are on the label, one is 2 x 2 voxels away and one 1 x 1 x 2
    near, far = math.hypot(4, 5), math.hypot(2, 2.5, 8)
    distances = {"perfect": 0, "wrong": math.hypot(2, 2.5, 4), "half": near + 0.85 * (far - near)}
    assert first["hd95_mm"] == pytest.approx(sum(distances.values()) / 3)
    lesions = json.loads((tmp_path / "0" / "patients.json").read_text())["summary"]["target"]["lesions"]
    assert (lesions["found"], lesions["missed"], lesions["false"]) == (2, 2, 3)
    assert (tmp_path / "0" / "patients.csv").read_text().count("\n") == 4
    assert not (tmp_path / "1").exists()
