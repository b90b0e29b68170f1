"""What a DICOM SEG says about each label: name, codes and colour from a bundle's metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from highdicom.seg import SegmentDescription

LONGEST_TEXT = 64  # of DICOM's LO, for names and meanings
LONGEST_CODE = 16  # of DICOM's SH, for code values and schemes
CODE_PARTS = {"value": LONGEST_CODE, "scheme": LONGEST_CODE, "meaning": LONGEST_TEXT}
COLOR_RANGES = ((0, 100), (-128, 127), (-128, 127))


def segment_problems(segments: Sequence[Mapping[str, Any]] | None, name: str, version: str) -> list[str]:
    """What is wrong with the ``segments`` of a bundle's metadata, and with its name and version as an algorithm's.

    Each segment has ``label`` (1, 2, ... in this order), ``name``, the codes ``category`` and ``type`` and perhaps
    ``anatomic_region`` (each ``{"value", "scheme", "meaning"}``), and ``color_cielab`` (lightness 0 to 100, a and b
    -128 to 127).
    """
    problems = _text_problems("name", name, LONGEST_TEXT) + _text_problems("version", version, LONGEST_TEXT)
    if not segments:
        return [*problems, "metadata.json must describe each label under 'segments', found none"]
    labels = [segment.get("label") for segment in segments]
    if labels != list(range(1, len(segments) + 1)):
        problems.append(f"the labels of 'segments' must be 1 to {len(segments)} in this order, found {labels}")
    for segment in segments:
        where = f"segment {segment.get('label')}"
        problems += _text_problems(f"{where}: name", segment.get("name"), LONGEST_TEXT)
        for kind in ("category", "type", "anatomic_region"):
            code = segment.get(kind)
            if code is None and kind == "anatomic_region":
                continue
            parts = code if isinstance(code, Mapping) else {}
            for part, longest in CODE_PARTS.items():
                problems += _text_problems(f"{where}: {part} of {kind}", parts.get(part), longest)
        problems += _color_problems(where, segment.get("color_cielab"))
    return problems


def describe(segments: Sequence[Mapping[str, Any]], name: str, version: str) -> list[SegmentDescription]:
    """DICOM's description of each segment, with new tracking UIDs; the algorithm is ``name`` in ``version``."""
    from highdicom import UID, AlgorithmIdentificationSequence
    from highdicom.color import CIELabColor
    from highdicom.seg import SegmentAlgorithmTypeValues, SegmentDescription
    from pydicom.sr.codedict import codes

    return [
        SegmentDescription(
            segment_number=int(segment["label"]),
            segment_label=segment["name"],
            segmented_property_category=_code(segment["category"]),
            segmented_property_type=_code(segment["type"]),
            algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=AlgorithmIdentificationSequence(name, codes.DCM.ArtificialIntelligence, version),
            tracking_uid=UID(),
            tracking_id=f"{name}: {segment['name']}",
            anatomic_regions=[_code(segment["anatomic_region"])] if "anatomic_region" in segment else None,
            display_color=CIELabColor(*segment["color_cielab"]),
        )
        for segment in segments
    ]


def _code(code: Mapping[str, str]) -> Any:
    from pydicom.sr.coding import Code

    return Code(code["value"], code["scheme"], code["meaning"])


def _text_problems(what: str, text: Any, longest: int) -> list[str]:
    """DICOM's short texts have a length, and no backslash, which separates values."""
    if isinstance(text, str) and 0 < len(text.strip()) <= len(text) <= longest and text.isprintable():
        if "\\" not in text:
            return []
    return [f"{what} must be a text of 1 to {longest} characters without a backslash, found {text!r}"]


def _color_problems(where: str, color: Any) -> list[str]:
    if isinstance(color, Sequence) and len(color) == len(COLOR_RANGES):
        pairs = zip(color, COLOR_RANGES, strict=True)
        if all(isinstance(value, (int, float)) and low <= value <= high for value, (low, high) in pairs):
            return []
    return [f"{where}: color_cielab must be lightness 0 to 100, a and b -128 to 127, found {color!r}"]
