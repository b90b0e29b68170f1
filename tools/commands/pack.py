"""``python -m tools pack``: a bundle as a zip that needs nothing of this repository."""

import time
from pathlib import Path


def run(bundle: str = "", all: bool = False, output: str = "dist", weights: str | None = None) -> None:
    """Pack a bundle, or all of them, into zips that need only the packages in their metadata.

    Everything is checked first; all problems are reported at once. Nothing is written if there are any. The same
    content gives the same bytes on every machine.

    Example: python -m tools pack aura_v3

    Args:
        bundle: name of the bundle; `python -m tools list` shows those there are.
        all: pack every bundle.
        output: folder for the zips.
        weights: file to include as models/model.pt. Default: the bundle's own models/model.pt when it is there. A
            temperature.json beside it goes along, beside model.NAME.pt that is temperature.NAME.json.
    """
    from ..bundle.collection import bundle_folder, bundle_names
    from ..bundle.pack import pack
    from ..bundle.weights import file_hash

    if bool(bundle) == all:
        raise ValueError(f"give the name of a bundle or --all; there are: {', '.join(bundle_names())}")
    if all and weights is not None:
        raise ValueError("--weights belongs to one bundle; give its name instead of --all")
    reasons = []
    for name in bundle_names() if all else [str(bundle)]:
        folder, begin = bundle_folder(name), time.perf_counter()
        try:
            path = pack(folder, Path(str(output)), None if weights is None else Path(str(weights)))
        except ValueError as error:
            reasons.append(str(error))
            continue
        seconds, size = time.perf_counter() - begin, path.stat().st_size
        print(f"{path}  {size / 1e6:.2f} MB  {seconds:.1f} s  sha256 {file_hash(path)}")
    if reasons:
        raise ValueError("\n".join(reasons))
