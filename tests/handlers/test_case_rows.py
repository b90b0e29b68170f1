from tools.handlers.case_rows import all_ranks, short_names


def test_names_have_as_many_folders_as_tell_them_apart():
    assert short_names(["/a/test/NORMAL/1.png", "/a/test/PNEUMONIA/1.png", None]) == {
        "/a/test/NORMAL/1.png": "NORMAL/1.png",
        "/a/test/PNEUMONIA/1.png": "PNEUMONIA/1.png",
    }
    apart = short_names(["/a/p1/cxr/1.png", "/a/p2/cxr/1.png", "/a/p1/cxr/1.png"])
    assert list(apart.values()) == ["p1/cxr/1.png", "p2/cxr/1.png"]
    assert short_names(["1.png", "/1.png"]) == {"1.png": "1.png", "/1.png": "//1.png"}


def test_images_of_one_name_in_two_folders_both_stay_and_repeated_ones_do_not(monkeypatch):
    rows = [{"file": f"/a/{patient}/cxr/1.png", "probability": p} for patient, p in (("p1", 0.2), ("p2", 0.9))]
    monkeypatch.setattr("ignite.distributed.get_world_size", lambda: 2)
    monkeypatch.setattr("ignite.distributed.all_gather", lambda own: [own, own[:1]])
    assert [(row["file"], row["probability"]) for row in all_ranks(rows)] == [
        ("p1/cxr/1.png", 0.2),
        ("p2/cxr/1.png", 0.9),
    ]
