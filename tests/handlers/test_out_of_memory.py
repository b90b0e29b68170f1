import pytest
import torch
from ignite.engine import Engine

from tools.handlers.out_of_memory import OutOfMemory


def engine_that_raises(error):
    def step(engine, batch):
        raise error

    engine = Engine(step)
    engine.amp = False
    OutOfMemory().attach(engine)
    return engine


BATCH = {"image": torch.zeros(4, 1, 32, 32), "file": ["a"] * 4}


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"),
        MemoryError(),
    ],
)
def test_reported_once_with_shape_and_advice_and_raised(error, caplog):
    with pytest.raises(type(error)) as caught:
        engine_that_raises(error).run([BATCH])
    assert caught.value is error
    (note,) = error.__notes__
    assert "iteration 1, batch: image (4, 1, 32, 32) torch.float32" in note
    assert "lower the batch size and raise accumulation_steps" in note
    assert "set amp to true" in note
    assert caplog.text.count("Out of memory in iteration 1") == 1


def test_decollated_batch_is_read_too():
    error = MemoryError()
    with pytest.raises(MemoryError):  # noqa: PT011
        engine_that_raises(error).run([[{"image": torch.zeros(1, 8, 8)}]])
    assert "image (1, 8, 8)" in error.__notes__[0]


def test_other_errors_pass_unchanged(caplog):
    with pytest.raises(ValueError, match="something else") as caught:
        engine_that_raises(ValueError("something else")).run([BATCH])
    assert not hasattr(caught.value, "__notes__")
    assert "memory" not in caplog.text
