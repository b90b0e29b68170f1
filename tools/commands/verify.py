"""``python -m tools verify``: proof that a packed bundle works where its users are."""

import sys
from pathlib import Path


def run(*bundles: str, packed: str | None = None, only: str | None = None, json: bool = False) -> None:
    """Check bundles in their packed form and print one table: a row a bundle, a column a check.

    Each bundle is packed, unpacked into a temporary folder and tried there, in processes that do not see this
    repository: MONAI's own commands, exports, another version beside it, a download. A bundle without weights gets
    made-up ones. Below the table stands what is wrong and what to do. Ends with status 1 when a check fails.

    Example: python -m tools verify aura_v3

    Args:
        bundles: names of bundles; without any, all.
        packed: a zip to check as it is, by running its code: only one whose source you trust. Checks that need the
            bundle's source say "n/a".
        only: names of the checks to run, with commas between them, while you mend one; all count before a release.
        json: print JSON instead of the table.
    """
    from ..bundle.collection import bundle_folder, bundle_names
    from ..bundle.verify import Outcome, verify, workshop
    from ..bundle.verify_table import as_json, table

    if packed is not None and bundles:
        raise ValueError(f"give names or --packed, not both; got {', '.join(bundles)} and {packed}")
    if packed is not None and Path(str(packed)).suffix != ".zip":
        raise ValueError(f"--packed must name a zip, got {packed}; python -m tools pack NAME makes one")
    names = [Path(str(packed)).stem] if packed is not None else list(bundles) or bundle_names()
    paths = [Path(str(packed))] if packed is not None else [bundle_folder(str(name)) for name in names]
    # Fire makes a tuple of names with commas
    checks = None if only is None else only.split(",") if isinstance(only, str) else [str(name) for name in only]
    outcomes: dict[str, list[Outcome]] = {}
    with workshop() as shop:
        for name, path in zip(names, paths, strict=True):

            def told(outcome: Outcome, name: str = name) -> None:
                word = {True: "ok", False: "FAILED", None: "not applicable"}[outcome.passed]
                print(f"{name}: {outcome.check} {word}, {outcome.seconds:.0f} s", file=sys.stderr, flush=True)

            outcomes[name] = verify(path, checks, shop=shop, told=told)
    print(as_json(outcomes) if json else table(outcomes))
    if any(outcome.passed is False for row in outcomes.values() for outcome in row):
        sys.exit(1)
