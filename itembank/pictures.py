"""Pictures of a bank: plain SVG drawings, and nothing in them that could fetch, run or swell.

The kiosk draws them with QtSvg, inside a signed package. A drawing needs few elements, so those are listed; documents
with a document type (entities), processing instructions, scripts, styles, embedded pictures, text of any font, links
or references to anything are refused, and so is more than a picture needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NoReturn
from xml.parsers import expat

from itembank.errors import BankDataError

MAX_PICTURE_BYTES: Final = 262_144
MAX_ELEMENTS: Final = 2_000
MAX_DEPTH: Final = 12
MAX_VALUE: Final = 8_000
"""Characters of one attribute: a path of some hundred points."""

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
        self._depth = 0
        self._elements = 0
        self._parser = expat.ParserCreate("utf-8", namespace_separator=" ")
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

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._elements += 1
        self._depth += 1
        namespace, _, element = name.rpartition(" ")
        if namespace != NAMESPACE or element not in _SHAPES | _TEXTS:
            self._refuse(f"the element '{element[:40]}'")
        if self._elements == 1 and element != "svg":
            self._refuse("another root than svg")
        if self._elements > MAX_ELEMENTS or self._depth > MAX_DEPTH:
            self._refuse(f"more than {MAX_ELEMENTS} elements, or more than {MAX_DEPTH} inside one another")
        for attribute, value in attributes.items():
            if attribute not in _ATTRIBUTES:
                self._refuse(f"the attribute '{attribute[:40]}'")
            if len(value) > MAX_VALUE or any(each in value for each in _FORBIDDEN_IN_VALUES):
                self._refuse(f"a reference or too long a value in '{attribute}'")

    def _refuser(self, what: str) -> Callable[..., NoReturn]:
        def refuse(*_: object) -> NoReturn:
            self._refuse(what)

        return refuse

    def _end(self, _name: str) -> None:
        self._depth -= 1

    def _refuse(self, what: str) -> NoReturn:
        line = self._parser.CurrentLineNumber
        raise BankDataError(self._where, "", f"line {line} has {what}", "Leave only shapes, lines and colours in it")
