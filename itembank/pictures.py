"""Pictures of a bank: plain SVG drawings, and nothing in them that could fetch, run or swell.

The kiosk draws them with QtSvg, inside a signed package. A drawing needs few elements, so those are listed; documents
with a document type (entities), processing instructions, scripts, styles, embedded pictures, text of any font, links
or references to anything are refused, and so is more than a picture needs: the window waits while it is drawn, so
there is a budget of lines, and QtSvg leaves out what lies far away, so nothing may.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final, NoReturn
from xml.parsers import expat

from itembank.errors import BankDataError
from itembank.ink import PLACES, growth, number, numbers, shape

MAX_PICTURE_BYTES: Final = 262_144
MAX_ELEMENTS: Final = 2_000
MAX_DEPTH: Final = 12
MAX_VALUE: Final = 8_000
"""Characters of one attribute: a path of some hundred points."""

MAX_INK: Final = 400
"""Length of all lines and of their ends and joins, in the picture's diagonals; the sample bank needs 76 at most."""

MAX_REACH: Final = 10
"""How far from its corner anything may be drawn, in diagonals."""

MAX_SIDE: Final = 10_000.0
MAX_FORMAT: Final = 10
"""How many times as wide as high, or as high as wide."""

_BEGINNING: Final = 2_000
"""Bytes within which the window looks for ``<svg``."""

NAMESPACE: Final = "http://www.w3.org/2000/svg"
_SHAPES: Final = frozenset({"circle", "ellipse", "g", "line", "path", "polygon", "polyline", "rect", "svg"})
_TEXTS: Final = frozenset({"desc", "title"})
_ATTRIBUTES: Final = frozenset(
    {
        *(
            "cx",
            "cy",
            "d",
            "fill",
            "fill-opacity",
            "fill-rule",
            "height",
            "id",
            "opacity",
            "points",
            "preserveAspectRatio",
        ),
        *("r", "rx", "ry", "stroke", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit"),
        *(
            "stroke-opacity",
            "stroke-width",
            "transform",
            "version",
            "viewBox",
            "width",
            "x",
            "x1",
            "x2",
            "y",
            "y1",
            "y2",
        ),
    }
)
_SIZES: Final = PLACES | {"fill-opacity", "opacity", "stroke-miterlimit", "stroke-opacity", "stroke-width"}
"""Attributes that hold one number."""

_FORBIDDEN_IN_VALUES: Final = ("url(", ":", "@", "\\", "<", "&")

_REFUSED: Final = {
    "StartDoctypeDeclHandler": "a document type",
    "EntityDeclHandler": "an entity",
    "ExternalEntityRefHandler": "an external entity",
    "ProcessingInstructionHandler": "a processing instruction",
}
"""Expat's handlers of what no drawing needs."""


def check_picture(data: bytes, where: str) -> None:
    """Refuse a picture that is not a plain drawing.

    Args:
        data: the file; more than `MAX_PICTURE_BYTES` are refused before any parsing.
        where: the file's name, for the error's sentence.

    Raises:
        BankDataError: with what is not allowed and where it stands.
    """
    if len(data) > MAX_PICTURE_BYTES:
        fault = f"{len(data)} bytes where {MAX_PICTURE_BYTES} is the most"
        raise BankDataError(where, "", fault, "Draw it more simply")
    _Drawing(where).read(data)


class _Drawing:
    """Reads a drawing element by element; no tree of it is made."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._elements = 0
        self._diagonal = 0.0
        self._scales: list[tuple[float, float]] = [(1.0, 0.0)]
        self._length = 0.0
        self._unscaled = 0.0
        self._largest = 1.0
        self._points = 0
        self._reach = 0.0
        self._widest = 1.0
        self._shortest_dash = math.inf
        self._parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        self._parser.XmlDeclHandler = self._declared
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        for handler, what in _REFUSED.items():
            setattr(self._parser, handler, self._refuser(what))

    def read(self, data: bytes) -> None:
        try:
            self._parser.Parse(data, True)  # noqa: FBT003 - expat takes it by place only
        except expat.ExpatError as error:
            message = expat.ErrorString(error.code)
            raise BankDataError(
                self._where, "", f"line {error.lineno} is not well-formed XML ({message})", "Save it as plain SVG"
            ) from error
        if b"<svg" not in data[:_BEGINNING]:
            self._refuse(f"its element svg with a prefix, or more than {_BEGINNING} bytes before it")
        self._check_ink()

    def _declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() != "utf-8":
            self._refuse("another encoding than UTF-8")

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._elements += 1
        namespace, _, element = name.rpartition(" ")
        if namespace != NAMESPACE or element not in _SHAPES | _TEXTS:
            self._refuse(f"the element '{element[:40]}'")
        if (element == "svg") != (self._elements == 1):
            self._refuse("another root than svg, or an svg in it")
        if self._elements > MAX_ELEMENTS or len(self._scales) > MAX_DEPTH:
            self._refuse(f"more than {MAX_ELEMENTS} elements, or more than {MAX_DEPTH} inside one another")
        for attribute, value in attributes.items():
            if attribute not in _ATTRIBUTES:
                self._refuse(f"the attribute '{attribute[:40]}'")
            if len(value) > MAX_VALUE or any(each in value for each in _FORBIDDEN_IN_VALUES):
                self._refuse(f"a reference or too long a value in '{attribute}'")
        try:
            self._measure(element, attributes)
        except ValueError:
            self._refuse(f"a number without meaning, or with a unit, in '{element}'")

    def _measure(self, element: str, attributes: Mapping[str, str]) -> None:
        """Add what an element draws, and what it says for those in it.

        Raises:
            ValueError: it holds a number that is none.
        """
        sizes = {name: number(text) for name, text in attributes.items() if name in _SIZES}
        if element == "svg":
            self._open(attributes, sizes)
        scale, moved = growth(attributes.get("transform", ""))
        outer, shift = self._scales[-1]
        scale, shift = outer * scale, shift + outer * moved
        self._scales.append((scale, shift))
        drawn = shape(element, attributes)
        self._length += scale * drawn.length
        self._unscaled += drawn.length
        self._largest = max(self._largest, scale)
        self._points += drawn.points
        self._reach = max(self._reach, shift + scale * drawn.reach)
        self._widest = max(self._widest, abs(sizes.get("stroke-width", 1.0)))
        dashes = attributes.get("stroke-dasharray", "none")
        if dashes != "none":
            self._shortest_dash = min(self._shortest_dash, sum(map(abs, numbers(dashes))))

    def _open(self, attributes: Mapping[str, str], sizes: Mapping[str, float]) -> None:
        """The drawing's own size: every drawing has one, and the window gives it room by it."""
        left, top, width, height = numbers(attributes.get("viewBox", "0"))
        for wide, high in ((width, height), (sizes.get("width", width), sizes.get("height", height))):
            if not (1 <= wide <= MAX_SIDE and 1 <= high <= MAX_SIDE and 1 / MAX_FORMAT <= wide / high <= MAX_FORMAT):
                self._refuse(f"a size of {wide:g} x {high:g}")
        self._diagonal = math.hypot(width, height)
        self._reach = math.hypot(left, top)

    def _check_ink(self) -> None:
        """Refuse what takes long to draw, or is left out by QtSvg because it might."""
        points = self._points + self._unscaled / self._shortest_dash if self._shortest_dash else math.inf
        ink = self._length + 3 * self._widest * self._largest * points
        if not ink <= MAX_INK * self._diagonal:
            self._refuse("more lines than a picture needs, or too small dashes")
        if not self._reach <= MAX_REACH * self._diagonal:
            self._refuse("something far outside the picture")

    def _refuser(self, what: str) -> Callable[..., NoReturn]:
        def refuse(*_: object) -> NoReturn:
            self._refuse(what)

        return refuse

    def _end(self, _name: str) -> None:
        self._scales.pop()

    def _refuse(self, what: str) -> NoReturn:
        line = self._parser.CurrentLineNumber
        raise BankDataError(self._where, "", f"line {line} has {what}", "Leave only shapes, lines and colours in it")
