"""What the file names of the Kermany chest X-rays say: patient number and kind of finding.

    IM-0115-0001.jpeg, NORMAL2-IM-0383-0001.jpeg          normal, two series of numbers
    person1_bacteria_1.jpeg, person1004_virus_1686.jpeg   pneumonia
    NORMAL-1003233-0001.jpeg, BACTERIA-..., VIRUS-...     the later releases, one number for a patient

In the first form each series counts its patients anew: person1004_bacteria and person1004_virus look like strangers,
and numbers of test/ continue the gaps of the same series in train/. So the bare number is a safe superset to divide
training from validation by, and series with number tell whether a patient of test/ is in train/, too.
"""

import re
from dataclasses import dataclass

SUBTYPES = ("normal", "bacteria", "virus", "unknown")
CLASSES = ("NORMAL", "PNEUMONIA")
PATTERNS = (
    re.compile(r"(?P<series>NORMAL2-IM|IM)-(?P<number>\d+)", re.IGNORECASE),
    re.compile(r"person(?P<number>\d+)(?:_(?P<series>bacteria|virus))?(?![a-z0-9])", re.IGNORECASE),
    re.compile(r"(?P<kind>NORMAL|BACTERIA|VIRUS)-(?P<number>\d+)", re.IGNORECASE),
)


@dataclass(frozen=True)
class XrayName:
    """What one name says.

    Args:
        patient: bare number without leading zeros, or the whole name where there is none.
        series: what the number counts: ``im``, ``normal2-im``, ``bacteria``, ``virus``, ``person``, ``patient`` (later
            releases), or ``name`` where there is no number.
        subtype: normal, bacteria, virus or unknown.
    """

    patient: str
    series: str
    subtype: str

    @property
    def known(self) -> bool:
        """Whether the name has a patient number."""
        return self.series != "name"

    @property
    def identity(self) -> str:
        """The patient within the release: the same one in two folders means the same child."""
        return f"{self.series} {self.patient}"


def read_name(stem: str, class_name: str) -> XrayName:
    """Read a file name without its suffix; ``class_name`` is the folder it lies in, NORMAL or PNEUMONIA.

    >>> read_name("NORMAL2-IM-0383-0001", "NORMAL")
    XrayName(patient='383', series='normal2-im', subtype='normal')
    >>> read_name("person1_bacteria_1", "PNEUMONIA").patient
    '1'
    """
    for pattern in PATTERNS:
        found = pattern.match(stem)
        if found:
            words = found.groupdict()
            series = (words.get("series") or ("patient" if words.get("kind") else "person")).lower()
            subtype = (words.get("kind") or series).lower()
            if subtype in ("im", "normal2-im"):
                subtype = "normal"
            return XrayName(str(int(words["number"])), series, subtype if subtype in SUBTYPES else "unknown")
    return XrayName(stem, "name", "normal" if class_name == "NORMAL" else "unknown")
