"""Why a bundle cannot be packed: all reasons at once."""

from collections.abc import Iterable


class PackError(ValueError):
    """A bundle cannot be packed; ``reasons`` holds every reason, each with the file it is in."""

    def __init__(self, reasons: Iterable[str], bundle: str = "the bundle") -> None:
        self.reasons = list(dict.fromkeys(reasons))
        listed = "".join(f"\n  - {reason}" for reason in self.reasons)
        super().__init__(f"{bundle} cannot be packed, {len(self.reasons)} reason(s); nothing was written:{listed}")
