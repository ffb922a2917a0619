"""How much there is to draw in a picture: lengths of lines, and what their ends and joins cost.

QtSvg draws whatever it is given, and the window waits meanwhile: a thousand lines to and fro across the picture in a
wide stroke took it forty seconds. So a picture has a budget (`itembank.pictures`), and its geometry is read here: the
numbers of each shape, path data by the grammar of SVG 1.1 §8.3.9, transforms by §7.6. Lengths are never underestimated.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_NUMBER: Final = r"(?>[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]{1,2}+)?)"
_ONE: Final = re.compile(_NUMBER)
_LIST: Final = re.compile(rf"\s*+(?>{_NUMBER}(?:\s*+,\s*+|\s++|(?=[+.-])))*+(?:{_NUMBER})?+\s*+")
"""Possessive throughout: nothing is tried twice, however long the value."""

_TRANSFORM: Final = re.compile(r"\s*(translate|rotate|scale|matrix)\s*\(([^()]*)\)[\s,]*")
_COMMAND: Final = re.compile(r"\s*([MmLlHhVvCcSsQqTtAaZz])([^MmLlHhVvCcSsQqTtAaZz]*)")
_TAKES: Final = {"m": 2, "l": 2, "h": 1, "v": 1, "c": 6, "s": 4, "q": 4, "t": 2, "a": 7, "z": 0}
_TRANSFORM_TAKES: Final = {"translate": (1, 2), "rotate": (1, 3), "scale": (1, 2), "matrix": (6,)}
_CURVED_POINTS: Final = 4
"""Points that a curve counts as: it is drawn as several lines."""


@dataclass(frozen=True, slots=True)
class Ink:
    """What a shape draws, in its own units: length of its outline, its points, how far the farthest is from 0, 0."""

    length: float
    points: int
    reach: float


def number(text: str) -> float:
    """A number as SVG spells it, without a unit.

    Raises:
        ValueError: it is none.
    """
    if _ONE.fullmatch(text.strip()) is None:
        raise ValueError(text)
    return float(text)


def numbers(text: str) -> list[float]:
    """A list of numbers with spaces or commas between them.

    Raises:
        ValueError: there is something else in it.
    """
    if _LIST.fullmatch(text) is None:
        raise ValueError(text)
    return [float(each) for each in _ONE.findall(text)]


def growth(transform: str) -> tuple[float, float]:
    """How much longer a line may become by a transform, and how far it moves what stands at 0, 0.

    Raises:
        ValueError: it is none, or one that slants.
    """
    place, scale, moved = 0, 1.0, 0.0
    while place < len(transform):
        found = _TRANSFORM.match(transform, place)
        if found is None:
            raise ValueError(transform)
        name, given = found[1], numbers(found[2])
        if len(given) not in _TRANSFORM_TAKES[name]:
            raise ValueError(transform)
        factor, shift = _step(name, given)
        moved += scale * shift
        scale *= factor
        place = found.end()
    return scale, moved


def _step(name: str, given: Sequence[float]) -> tuple[float, float]:
    """Factor and shift of one transform."""
    if name == "translate":
        return 1.0, math.hypot(*given)
    if name == "rotate":
        return 1.0, 2 * math.hypot(*given[1:])
    if name == "scale":
        return max(map(abs, given)), 0.0
    return math.hypot(*given[:4]), math.hypot(*given[4:])


def shape(element: str, attributes: Mapping[str, str]) -> Ink:
    """What a shape draws.

    Raises:
        ValueError: a number or path in it is none.
    """
    values = {name: number(text) for name, text in attributes.items() if name in PLACES}
    return _SHAPES.get(element, _nothing)(values, attributes)


PLACES: Final = frozenset({"cx", "cy", "height", "r", "rx", "ry", "width", "x", "x1", "x2", "y", "y1", "y2"})
"""Attributes that hold one place or size."""


def _nothing(_values: Mapping[str, float], _attributes: Mapping[str, str]) -> Ink:
    return Ink(0.0, 0, 0.0)


def _line(values: Mapping[str, float], _attributes: Mapping[str, str]) -> Ink:
    ends = [(values.get(f"x{end}", 0.0), values.get(f"y{end}", 0.0)) for end in "12"]
    return Ink(math.dist(*ends), 2, max(math.hypot(*end) for end in ends))


def _rect(values: Mapping[str, float], _attributes: Mapping[str, str]) -> Ink:
    wide, high = abs(values.get("width", 0.0)), abs(values.get("height", 0.0))
    reach = math.hypot(values.get("x", 0.0), values.get("y", 0.0)) + math.hypot(wide, high)
    return Ink(2 * (wide + high), 4 * _CURVED_POINTS, reach)


def _round(values: Mapping[str, float], _attributes: Mapping[str, str]) -> Ink:
    radius = max(abs(values.get(name, 0.0)) for name in ("r", "rx", "ry"))
    return Ink(
        2 * math.pi * radius, 4 * _CURVED_POINTS, math.hypot(values.get("cx", 0.0), values.get("cy", 0.0)) + radius
    )


def _poly(_values: Mapping[str, float], attributes: Mapping[str, str]) -> Ink:
    given = numbers(attributes.get("points", ""))
    corners = list(zip(given[::2], given[1::2], strict=True))
    return _ink(corners, len(corners))


def _path(_values: Mapping[str, float], attributes: Mapping[str, str]) -> Ink:
    corners, points = [(0.0, 0.0)], 0
    length = 0.0
    for step in _steps(attributes.get("d", "")):
        corners += step.corners
        points += step.points
        length += step.more
    ink = _ink(corners, points)
    return Ink(ink.length + length, points, ink.reach)


def _ink(corners: Sequence[tuple[float, float]], points: int) -> Ink:
    """Of a line through all corners and back to the first."""
    closed = [*corners[1:], *corners[:1]]
    length = sum(math.dist(one, other) for one, other in zip(corners, closed, strict=True))
    return Ink(length, points, max((math.hypot(*corner) for corner in corners), default=0.0))


_SHAPES: Final[Mapping[str, Callable[[Mapping[str, float], Mapping[str, str]], Ink]]] = {
    "line": _line,
    "rect": _rect,
    "circle": _round,
    "ellipse": _round,
    "polygon": _poly,
    "polyline": _poly,
    "path": _path,
}


@dataclass(frozen=True, slots=True)
class _Step:
    """One step of a path: its corners (control points too), what it counts as, and length beside its corners'."""

    corners: list[tuple[float, float]]
    points: int
    more: float = 0.0


def _steps(data: str) -> Iterator[_Step]:
    """The steps of path data, in absolute places.

    Raises:
        ValueError: it is no path data.
    """
    at, begun, mirrored = (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)
    for letter, given in _commands(data):
        kind, is_relative = letter.lower(), letter.islower()
        base = at if is_relative else (0.0, 0.0)
        step, handle = _stepped(kind, given, at, base, begun, mirrored)
        yield step
        at = step.corners[-1]
        begun = at if kind == "m" else begun
        mirrored = (2 * at[0] - handle[0], 2 * at[1] - handle[1])


def _stepped(
    kind: str,
    given: Sequence[float],
    at: tuple[float, float],
    base: tuple[float, float],
    begun: tuple[float, float],
    mirrored: tuple[float, float],
) -> tuple[_Step, tuple[float, float]]:
    """A step, and the control point that a smooth one after it mirrors."""
    if kind == "z":
        return _Step([begun], 1), begun
    if kind == "a":
        end = (base[0] + given[5], base[1] + given[6])
        # At most a whole turn of an ellipse that is as large as its radii, or as its ends are apart.
        turn = 2 * math.pi * max(abs(given[0]), abs(given[1]), math.dist(at, end) / 2)
        stretched = 1.0 if 0 in given[:2] else max(abs(given[0] / given[1]), abs(given[1] / given[0]))
        return _Step([end], 4 * _CURVED_POINTS, turn * stretched), end
    pairs = {"h": (given[0], at[1] - base[1]), "v": (at[0] - base[0], given[0])}.get(kind, given)
    corners = [(base[0] + x, base[1] + y) for x, y in zip(pairs[::2], pairs[1::2], strict=True)]
    if kind in "st":
        corners.insert(0, mirrored)
    handle = corners[-2] if kind in "csqt" else corners[-1]
    return _Step(corners, _CURVED_POINTS if kind in "csqt" else 1), handle


def _commands(data: str) -> Iterator[tuple[str, Sequence[float]]]:
    """Letter and numbers of every step: one letter may stand before the numbers of several."""
    place, is_first, end = 0, True, len(data.rstrip())
    while place < end:
        found = _COMMAND.match(data, place)
        if found is None or (is_first and found[1] not in "Mm"):
            raise ValueError(data)
        letter, given = found[1], numbers(found[2])
        wanted = _TAKES[letter.lower()]
        if (len(given) % wanted if wanted else len(given)) or (wanted and not given):
            raise ValueError(data)
        for begin in range(0, len(given) if wanted else 1, wanted or 1):
            taken = given[begin : begin + wanted]
            if letter in "Aa" and not {*taken[3:5]} <= {0.0, 1.0}:
                raise ValueError(data)
            yield letter, taken
            letter = {"M": "L", "m": "l"}.get(letter, letter)
        place, is_first = found.end(), False
