"""Say what to do when memory runs out."""

import logging

import torch
from ignite.engine import Engine, Events

logger = logging.getLogger(__name__)

CPU_MESSAGES = ("defaultcpuallocator: can't allocate", "not enough memory")


class OutOfMemory:
    """Report once the shape of the batch that did not fit and what helps, then raise the error again.

    List it first: an Ignite handler of EXCEPTION_RAISED that raises keeps later ones from being called.
    """

    def __init__(self) -> None:
        self.reported: BaseException | None = None

    def attach(self, engine: Engine) -> None:
        """Attach to a trainer or an evaluator."""
        engine.add_event_handler(Events.EXCEPTION_RAISED, self)

    def __call__(self, engine: Engine, error: BaseException) -> None:
        """Report ``error`` if it is about memory, and raise it whatever it is."""
        if is_out_of_memory(error) and error is not self.reported:
            self.reported = error
            where = f"iteration {engine.state.iteration}, {self._batch(engine)}"
            advice = f"Out of memory in {where}. {self._suggest(engine)}"
            error.add_note(advice)
            logger.error(advice)
        raise error

    def _batch(self, engine: Engine) -> str:
        batch = engine.state.batch
        items = batch if isinstance(batch, list) else [batch]
        shapes = [
            f"{key} {tuple(value.shape)} {value.dtype}"
            for item in items
            if isinstance(item, dict)
            for key, value in item.items()
            if isinstance(value, torch.Tensor) and value.ndim > 1
        ]
        return "batch: " + (", ".join(shapes) or "unknown")

    def _suggest(self, engine: Engine) -> str:
        tips = ["lower the batch size and raise accumulation_steps by the same factor", "use a smaller img_size"]
        if not getattr(engine, "amp", True):
            tips.insert(1, "set amp to true on CUDA")
        if torch.cuda.is_available():
            used, total = torch.cuda.max_memory_allocated() / 1e9, torch.cuda.mem_get_info()[1] / 1e9
            tips.append(f"free the GPU of other programs (this one had {used:.1f} of {total:.1f} GB at most)")
        else:
            tips.append("cache fewer volumes (cache_rate)")
        return "What helps: " + "; ".join(tips) + "."


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on a device or on the host."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error).lower() for text in CPU_MESSAGES)
