"""Whether a file is a model in the sense of ONNX."""

import onnx


def probe(argument: dict) -> str:
    """Return what onnx's own checker has against ``file``, its first line; nothing when it takes the file."""
    try:
        onnx.checker.check_model(argument["file"])  # by its path: a model in memory is limited to 2 GB
    except Exception as error:  # the checker, the parser of protobuf and the file system have no error in common
        return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
    return ""
