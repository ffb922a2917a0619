"""Keys and points (docs/formats.md §6): what a response to an item earns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from unicodedata import normalize

from verifier.canonical import Fields
from verifier.errors import need

Corner = tuple[int, int]
Response = Sequence[str]

_MOST_FIGURES: Final = 6
"""Of one place of a point (docs/formats.md §6)."""


@dataclass(frozen=True)
class Key:
    """A key: ``plain`` as the panel has it; ``points`` gives a response's points of at most so many."""

    plain: Mapping[str, object]
    points: Callable[[Response, int], int]
    name: str
    """The kind's name in `keys_sha256` (docs/formats.md §9)."""


def read_key(fields: Fields) -> Key:
    """A key of any kind.

    Raises:
        WrongError: the kind is unknown or lacks something.
    """
    kind = fields.text("kind")
    readers: Mapping[str, Callable[[Fields], Key]] = {
        "choice": _choice,
        "mapping": _mapping,
        "order": _order,
        "areas": _areas,
        "text": _text,
        "gaps": _gaps,
    }
    need(kind in readers, f"there is no kind of key '{kind[:40]}'")
    return readers[kind](fields)


def _choice(fields: Fields) -> Key:
    wanted = frozenset(fields.texts("correct"))
    return Key({"correct": sorted(wanted)}, lambda given, most: most if frozenset(given) == wanted else 0, "ChoiceKey")


def _mapping(fields: Fields) -> Key:
    table = fields.object("points").plain
    worth = {option: value for option, value in table.items() if type(value) is int}

    def points(given: Response, most: int) -> int:
        return max(0, min(most, sum(worth.get(option, 0) for option in set(given))))

    return Key({"points": worth}, points, "MappingKey")


def _order(fields: Fields) -> Key:
    wanted = fields.texts("order")
    return Key({"order": list(wanted)}, lambda given, most: most if tuple(given) == wanted else 0, "OrderKey")


def _text(fields: Fields) -> Key:
    accepted = [gap.texts("accepted") for gap in fields.objects("gaps")]
    folds_case, folds_space = fields.flag("folds_case"), fields.flag("folds_space")

    def folded(text: str) -> str:
        text = normalize("NFC", text)
        text = " ".join(text.split()) if folds_space else text
        return text.casefold() if folds_case else text

    spellings = [{folded(each) for each in gap} for gap in accepted]
    plain = {"gaps": [list(gap) for gap in accepted], "folds_case": folds_case, "folds_space": folds_space}
    return Key(plain, _by_gap([lambda text, gap=gap: folded(text) in gap for gap in spellings]), "TextKey")


def _gaps(fields: Fields) -> Key:
    wanted = [gap.text("correct") for gap in fields.objects("gaps")]
    return Key({"gaps": wanted}, _by_gap([lambda text, gap=gap: text == gap for gap in wanted]), "GapsKey")


def _by_gap(is_right: Sequence[Callable[[str], bool]]) -> Callable[[Response, int], int]:
    """A point a gap where the maximum is their number, else all or nothing. A gap that was not filled is empty."""

    def points(given: Response, most: int) -> int:
        texts = [*given, *("" for _ in is_right)]
        right = sum(check(text) for check, text in zip(is_right, texts, strict=False))
        return right if most == len(is_right) else most * (right == len(is_right))

    return points


def _areas(fields: Fields) -> Key:
    areas = [[(at.count("x"), at.count("y")) for at in area.objects("corners")] for area in fields.objects("areas")]

    def points(given: Response, most: int) -> int:
        open_areas = list(areas)
        for text in given:
            hit = next((area for area in open_areas if _is_inside(area, _point(text))), None)
            if hit is None:
                return 0
            open_areas.remove(hit)
        return 0 if open_areas else most

    plain = {"areas": [{"corners": [list(corner) for corner in area]} for area in areas]}
    return Key(plain, points, "AreasKey")


def _point(text: str) -> Corner | None:
    x, _, y = text.partition(",")
    is_point = text.isascii() and all(each.isdecimal() and len(each) <= _MOST_FIGURES for each in (x, y))
    return (int(x), int(y)) if is_point else None


def _is_inside(corners: Sequence[Corner], point: Corner | None) -> bool:
    """Whether a point is in a polygon or on its border, by crossings of a ray to the right; integers throughout."""
    if point is None:
        return False
    x, y = point
    crossings = 0
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        side = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
        if side == 0 and min(ax, bx) <= x <= max(ax, bx) and min(ay, by) <= y <= max(ay, by):
            return True
        crossings += (ay <= y < by and side > 0) or (by <= y < ay and side < 0)
    return crossings % 2 == 1
