"""Prove that a packed bundle works where its users are: in MONAI's tools, in any folder, beside another version."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from .checks.subject import CheckFailed, NotApplicable, Subject
from .clean_process import CleanProcesses
from .pack import pack
from .phantom_data import PhantomData
from .unpack import unpack

# each is `check` of its module in `checks`; in the order of the table
CHECKS = (
    "files", "metadata", "version", "facts", "properties", "network", "agreement", "tables", "torchscript", "onnx",
    "places", "load", "export", "versions", "download", "overrides",
)  # fmt: skip
# started first, so that none of them is waited for at the end
LONGEST = ("places", "export", "onnx", "properties", "facts", "torchscript")
AT_ONCE = 2


@dataclass(frozen=True)
class Outcome:
    """What one check found.

    Args:
        check: name of the check.
        passed: True or False; None when the check does not apply, `message` then says why.
        message: what is wrong and what to do, a line for each problem.
        seconds: how long it took.
    """

    check: str
    passed: bool | None
    message: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Workshop:
    """What several verifications share: clean processes and phantoms."""

    folder: Path
    clean: CleanProcesses
    data: PhantomData


@contextmanager
def workshop() -> Iterator[Workshop]:
    """Open a workshop in a temporary folder, away from the repository."""
    with tempfile.TemporaryDirectory(prefix="verify-") as name:
        folder = Path(name).resolve()
        with CleanProcesses(folder / "processes") as clean:
            yield Workshop(folder, clean, PhantomData(folder / "phantoms"))


def verify(
    bundle_or_zip: Path, checks: Sequence[str] | None = None, shop: Workshop | None = None,
    told: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:  # fmt: skip
    """Check a bundle of the collection, packed and unpacked for that, or a zip alone.

    Args:
        bundle_or_zip: folder of a bundle, or a ``.zip``.
        checks: names of the checks to run. Default: all.
        shop: shared with other verifications. Default: one of its own.
        told: called with each outcome when it is there.

    Returns:
        An outcome for each check, in the order of `CHECKS`.

    Raises:
        ValueError: an unknown check, or a zip that must not be unpacked.
    """
    unknown = sorted(set(checks or ()) - set(CHECKS))
    if unknown:
        raise ValueError(f"unknown checks: {', '.join(unknown)}; there are: {', '.join(CHECKS)}")
    if shop is None:
        with workshop() as own:
            return verify(bundle_or_zip, checks, own, told)
    scratch = Path(tempfile.mkdtemp(prefix=f"{bundle_or_zip.stem}-", dir=shop.folder))
    try:
        wanted = [name for name in CHECKS if checks is None or name in checks]
        try:
            subject = prepared(bundle_or_zip, scratch, shop)
        except NotPacked as error:
            return not_packed(wanted, str(error), told)
        return run_all(subject, wanted, told)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


class NotPacked(Exception):
    """A bundle cannot be packed, or its packed copy cannot build its network."""


def prepared(bundle_or_zip: Path, scratch: Path, shop: Workshop) -> Subject:
    """Return a bundle packed, unpacked and with weights, made-up ones if need be.

    Raises:
        NotPacked: saying why it could not be done.
    """
    source = None if bundle_or_zip.suffix == ".zip" else bundle_or_zip.resolve()
    try:
        archive = bundle_or_zip.resolve() if source is None else pack(source, scratch / "packed")
    except ValueError as error:
        raise NotPacked(f"{error}; then pack again") from error
    root = unpack(archive, scratch / "unpacked")
    subject = Subject(root.name, root, archive, source, scratch, shop.clean, shop.data)
    if not subject.weights.is_file():
        subject.weights.parent.mkdir(exist_ok=True)
        try:
            subject.probe("make_weights", config=subject.config_file("inference"), file=subject.weights)
        except CheckFailed as error:
            raise NotPacked(f"network_def of configs/inference.json cannot be built: {error}; correct it") from error
    return subject


def not_packed(wanted: Sequence[str], reason: str, told: Callable[[Outcome], None] | None) -> list[Outcome]:
    """Return outcomes for a bundle of which there is no packed copy to check: the first fails, the others wait."""
    failed = Outcome(wanted[0], False, reason)
    if told:
        told(failed)
    return [failed, *(Outcome(name, None, "waits until the bundle can be packed and built") for name in wanted[1:])]


def run_all(subject: Subject, wanted: Sequence[str], told: Callable[[Outcome], None] | None) -> list[Outcome]:
    """Run checks, some at a time, and return their outcomes in the order wanted."""
    first = [name for name in LONGEST if name in wanted]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        order = [*first, *(name for name in wanted if name not in first)]
        running = {name: threads.submit(run_one, subject, name, told) for name in order}
        return [running[name].result() for name in wanted]


def run_one(subject: Subject, name: str, told: Callable[[Outcome], None] | None = None) -> Outcome:
    """Run one check; whatever it stumbles over is a problem of the bundle."""
    begin = time.perf_counter()
    try:
        problems = import_module(f".checks.{name}", __package__).check(subject)
        passed, message = not problems, "\n".join(problems)
    except NotApplicable as reason:
        passed, message = None, str(reason)
    except CheckFailed as problem:
        passed, message = False, str(problem)
    except Exception as error:  # what is wrong with a bundle shows anywhere, and must not end the other checks
        passed, message = False, f"could not be checked, {type(error).__name__}: {error}; see the other failures first"
    outcome = Outcome(name, passed, message, round(time.perf_counter() - begin, 1))
    if told:
        told(outcome)
    return outcome
