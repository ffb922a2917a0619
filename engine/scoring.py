"""Scoring by key. What is not answered scores 0, and so does what does not fit the key: nothing is refused here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar
from unicodedata import normalize

from engine.events import Response
from engine.plain import Reader

SCORING_VERSION = 1
"""Raised whenever the same answers and panel could give another score or level."""

_PIXEL_FIGURES = 6


@dataclass(frozen=True, slots=True)
class ChoiceKey:
    """Exactly these options, in any order, earn all points."""

    correct: frozenset[str]


@dataclass(frozen=True, slots=True)
class MappingKey:
    """Every chosen option earns its points, which may be negative; the sum is held within 0 and the item's maximum."""

    points: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class OrderKey:
    """Exactly this order earns all points."""

    order: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Area:
    """A closed polygon of (x, y) corners in picture pixels; a point on its border is inside."""

    corners: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class AreasKey:
    """Points "x,y" on a picture: each area must be hit by exactly one point, and no point may miss."""

    areas: tuple[Area, ...]


@dataclass(frozen=True, slots=True)
class TextKey:
    """Typed answers, one a gap: the accepted spellings of each.

    Spellings are compared in Unicode form NFC; ``folds_case`` makes upper and lower case equal, ``folds_space`` takes
    away space around and makes runs of space one.
    """

    gaps: tuple[tuple[str, ...], ...]
    folds_case: bool
    folds_space: bool


@dataclass(frozen=True, slots=True)
class GapsKey:
    """Chosen answers, one id a gap (inline choice, hottext)."""

    gaps: tuple[str, ...]


Gap = TypeVar("Gap")
Key: TypeAlias = ChoiceKey | MappingKey | OrderKey | AreasKey | TextKey | GapsKey


def score_key(key: Key, max_score: int, response: Response) -> int:
    """The points of a response, 0…``max_score``.

    Keys with gaps give a point a gap where ``max_score`` is their number, otherwise all points or none.
    """
    match key:
        case ChoiceKey():
            return max_score if key.correct == frozenset(response) else 0
        case MappingKey():
            earned = sum(key.points.get(option, 0) for option in set(response))
            return min(max(earned, 0), max_score)
        case OrderKey():
            return max_score if response == key.order else 0
        case AreasKey():
            return max_score if _hits_all(key.areas, response) else 0
        case TextKey():
            return _by_gap([_is_accepted(key, gap, text) for gap, text in _gaps(key.gaps, response)], max_score)
        case GapsKey():
            return _by_gap([wanted == chosen for wanted, chosen in _gaps(key.gaps, response)], max_score)


def is_answer(response: Response | None) -> bool:
    """Whether something was answered; an empty response, or one of empty texts only, is an answer taken back."""
    return response is not None and any(response)


def _gaps(gaps: tuple[Gap, ...], response: Response) -> zip[tuple[Gap, str]]:
    """Every gap with what was written in it; what is missing at the end is empty."""
    filled = response + ("",) * (len(gaps) - len(response))
    return zip(gaps, filled[: len(gaps)], strict=True)


def _by_gap(hits: list[bool], max_score: int) -> int:
    return sum(hits) if max_score == len(hits) else max_score * all(hits)


def _is_accepted(key: TextKey, accepted: tuple[str, ...], text: str) -> bool:
    return _folded(key, text) in {_folded(key, each) for each in accepted}


def _folded(key: TextKey, text: str) -> str:
    text = normalize("NFC", text)
    if key.folds_space:
        text = " ".join(text.split())
    return text.casefold() if key.folds_case else text


def _hits_all(areas: tuple[Area, ...], response: Response) -> bool:
    """Whether points and areas pair off one to one, areas taken in the key's order."""
    open_areas = list(areas)
    for text in response:
        hit = next((area for area in open_areas if _is_inside(area, _point(text))), None)
        if hit is None:
            return False
        open_areas.remove(hit)
    return not open_areas


def _point(text: str) -> tuple[int, int] | None:
    x, comma, y = text.partition(",")
    if not comma or not _is_pixel(x) or not _is_pixel(y):
        return None
    return int(x), int(y)


def _is_pixel(text: str) -> bool:
    """Figures of a place on a picture; a longer number is on none, and Python refuses to read one of 4300 figures."""
    return text.isascii() and text.isdecimal() and len(text) <= _PIXEL_FIGURES


def _is_inside(area: Area, point: tuple[int, int] | None) -> bool:
    """Even-odd rule with the border counted in, in integers throughout."""
    if point is None:
        return False
    x, y = point
    is_in = False
    for (x1, y1), (x2, y2) in zip(area.corners, (*area.corners[1:], area.corners[0]), strict=True):
        cross = (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
        if cross == 0 and min(x1, x2) <= x <= max(x1, x2) and min(y1, y2) <= y <= max(y1, y2):
            return True
        if (y1 > y) != (y2 > y) and (cross > 0) == (y2 > y1):
            is_in = not is_in
    return is_in


def parse_key(reader: Reader, max_score: int) -> Key:
    """Read a key: its ``kind`` and what belongs to that kind.

    Raises:
        DataError: of the reader's family: the key does not fit its kind or the item's maximum.
    """
    kind = reader.choice("kind", ("choice", "mapping", "order", "areas", "text", "gaps"))
    key: Key
    if kind == "choice":
        key = ChoiceKey(frozenset(_filled(reader, "correct")))
    elif kind == "mapping":
        key = _mapping(reader, max_score)
    elif kind == "order":
        key = OrderKey(_filled(reader, "order"))
    elif kind == "areas":
        key = AreasKey(tuple(_area(area) for area in _some(reader, "areas")))
    elif kind == "text":
        key = TextKey(
            tuple(_accepted(gap) for gap in _some(reader, "gaps")),
            reader.boolean("folds_case"),
            reader.boolean("folds_space"),
        )
        _check_gaps(reader, len(key.gaps), max_score)
    else:
        key = GapsKey(tuple(_chosen(gap) for gap in _some(reader, "gaps")))
        _check_gaps(reader, len(key.gaps), max_score)
    reader.finish()
    return key


def _filled(reader: Reader, field: str) -> tuple[str, ...]:
    texts = reader.texts(field)
    if not texts:
        raise reader.fault(field, "the key is empty", "Name what is correct")
    return texts


def _some(reader: Reader, field: str) -> tuple[Reader, ...]:
    objects = reader.objects(field)
    if not objects:
        raise reader.fault(field, "the key is empty", "Name what is correct")
    return objects


def _mapping(reader: Reader, max_score: int) -> MappingKey:
    points = reader.mapping("points", lambda inner, key: inner.integer(key, low=-1000))
    if sum(value for value in points.values() if value > 0) < max_score:
        raise reader.fault("points", f"no response reaches {max_score} points", "Raise points or lower max_score")
    return MappingKey(points)


def _area(reader: Reader) -> Area:
    corners = tuple((corner.integer("x"), corner.integer("y")) for corner in reader.objects("corners"))
    if len(corners) < 3:  # noqa: PLR2004  a polygon
        raise reader.fault("corners", "an area has fewer than three corners", "Give at least three")
    reader.finish()
    return Area(corners)


def _accepted(reader: Reader) -> tuple[str, ...]:
    accepted = _filled(reader, "accepted")
    reader.finish()
    return accepted


def _chosen(reader: Reader) -> str:
    correct = reader.text("correct")
    reader.finish()
    return correct


def _check_gaps(reader: Reader, gaps: int, max_score: int) -> None:
    if max_score not in {1, gaps}:
        raise reader.fault(
            "gaps", f"{gaps} gaps cannot give {max_score} points", f"Set max_score to 1 (all or nothing) or {gaps}"
        )
