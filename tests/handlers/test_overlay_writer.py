"""OverlayWriter: the best and the worst, everybody in a small set, and no stale pictures."""

import json
from dataclasses import replace

import pytest
import torch
from ignite.engine import Engine
from monai.data import MetaTensor

from tools.handlers.overlay_writer import OverlayWriter


def case(name, wrong=0, label=True):
    """Return a case whose prediction misses ``wrong`` of twenty voxels."""
    target = torch.zeros(1, 8, 8, 3)
    target[0, 2:7, 2:6, 1] = 1
    prediction = target.clone()
    where = target.nonzero()[:wrong]
    prediction[tuple(where.T)] = 0
    volumes = {"image": torch.rand(1, 8, 8, 3), "pred": prediction, "label": target}
    volumes = {key: MetaTensor(volume, affine=torch.eye(4)) for key, volume in volumes.items()}
    volumes["image"].meta["filename_or_obj"] = f"/data/{name}.nii.gz"
    if not label:
        del volumes["label"]
    return name, volumes


def run(folder, cases, **kwargs):
    """Return the index of pictures after an evaluation of the cases."""

    def step(engine, batch):
        engine.state.batch = [{"patient": batch[0]}]
        return [batch[1]]

    engine = Engine(step)
    OverlayWriter(folder, **kwargs).attach(engine)
    engine.run(cases)
    return json.loads((folder / "overlays" / "index.json").read_text())


def test_a_small_set_is_shown_whole(tmp_path):
    index = run(tmp_path, [case(f"p{i}", i) for i in range(4)])
    assert [(entry["patient"], entry["kind"]) for entry in index] == [(f"p{i}", "case") for i in (3, 2, 1, 0)]
    assert index[-1]["dice"] == 1.0
    for entry in index:
        assert (tmp_path / "overlays" / entry["file"]).read_bytes().startswith(b"\x89PNG")


def test_of_a_large_set_the_extremes_are_shown(tmp_path):
    order = [7, 0, 11, 3, 9, 1, 5, 10, 2, 8, 4, 6]
    index = run(tmp_path, [case(f"p{i:02d}", i) for i in order], best=2, worst=3)
    expected = [("p11", "worst"), ("p10", "worst"), ("p09", "worst"), ("p01", "best"), ("p00", "best")]
    assert [(entry["patient"], entry["kind"]) for entry in index] == expected


def test_pictures_of_a_former_run_go_away_and_other_files_stay(tmp_path):
    run(tmp_path, [case("old"), case("older")])
    (tmp_path / "overlays" / "mine.png").write_text("keep")
    run(tmp_path, [case("new")])
    assert sorted(path.name for path in (tmp_path / "overlays").iterdir()) == ["00_new.png", "index.json", "mine.png"]


def test_without_labels_the_first_scans_are_shown(tmp_path):
    index = run(tmp_path, [case(f"p{i}", label=False) for i in range(5)], best=1, worst=1)
    assert [(entry["patient"], entry["dice"], entry["kind"]) for entry in index] == [
        ("p0", None, "case"),
        ("p1", None, "case"),
    ]


def test_names_cannot_lead_out_of_the_folder(tmp_path):
    (entry,) = run(tmp_path, [case("../../etc/<b>")])
    assert entry["file"] == "00__etc_b_.png"
    assert (tmp_path / "overlays" / entry["file"]).is_file()


def test_a_scan_without_a_name_is_named_by_its_file(tmp_path):
    (entry,) = run(tmp_path, [(None, case("LUNG1-001")[1])])
    assert entry["patient"] == "LUNG1-001"


@pytest.mark.parametrize("rank", [0, 1])
def test_rank_0_writes_for_all(tmp_path, monkeypatch, rank):
    writer = OverlayWriter(tmp_path)
    monkeypatch.setattr("ignite.distributed.get_rank", lambda: rank)

    def gather(mine):
        return [mine, ([replace(writer.pictures[0], patient="elsewhere")], 1)]

    monkeypatch.setattr("ignite.distributed.all_gather", gather)
    engine = Engine(lambda engine, batch: [batch[1]])
    writer.attach(engine)
    engine.run([case("here")])
    written = tmp_path / "overlays" / "index.json"
    assert written.exists() == (rank == 0)
    if rank == 0:
        assert {entry["patient"] for entry in json.loads(written.read_text())} == {"here", "elsewhere"}


def test_two_scans_of_a_patient_are_two_pictures_and_a_scan_that_two_ranks_saw_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr("ignite.distributed.all_gather", lambda mine: [mine, ([mine[0][0]], 1)])
    first, second = case("first", 1)[1], case("second", 2)[1]
    index = run(tmp_path, [("p0", first), ("p0", second)])
    assert [entry["patient"] for entry in index] == ["p0", "p0"]
    assert index[0]["dice"] != index[1]["dice"]
