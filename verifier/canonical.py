"""Canonical JSON (PROTOCOL.md §1), and reading what is in it field by field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final, NoReturn, cast

from verifier.errors import WrongError, need, refuse

MAX_INT: Final = 2**53 - 1
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})*")


def encode(value: object) -> bytes:
    """The one spelling of plain data.

    Raises:
        WrongError: it holds a float, half a surrogate pair or anything else without a canonical form.
    """
    try:
        _look_through(value)
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, TypeError, RecursionError):
        refuse("it has no canonical form")


def decode(data: bytes, what: str, *, limit: int) -> object:
    """The plain data in canonical JSON of at most ``limit`` bytes.

    Raises:
        WrongError: too long, not JSON, or JSON in another spelling.
    """
    need(len(data) <= limit, f"{what} has {len(data)} bytes where {limit} is the most")
    try:
        value: object = json.loads(data.decode(), parse_float=_refuse, parse_constant=_refuse)
        spelled = encode(value)
    except (ValueError, TypeError, RecursionError, WrongError):
        refuse(f"{what} is not canonical JSON")
    need(spelled == data, f"{what} is JSON, but not in its canonical form")
    return value


def table(data: bytes, what: str, *, limit: int) -> Fields:
    """The object in canonical JSON; errors as `decode`."""
    return Fields(decode(data, what, limit=limit), what)


def entries(value: object, what: str) -> list[object]:
    """A list, taken for one."""
    need(isinstance(value, list), f"{what} is not a list")
    return cast("list[object]", value)


class Fields:
    """An object being read: each field is taken once, in its exact type; `end` refuses what is left."""

    def __init__(self, value: object, what: str) -> None:
        """Begin to read ``value``; ``what`` it is stands in the sentences.

        Raises:
            WrongError: it is no object.
        """
        need(isinstance(value, dict), f"{what} is not an object")
        self.plain = cast("dict[str, object]", value)
        self.what = what
        self._left = set(self.plain)

    def take(self, name: str) -> object:
        """A field of any kind. All methods raise `WrongError` where a field is missing or of another kind."""
        need(name in self.plain, f"{self.what} lacks the field '{name}'")
        self._left.discard(name)
        return self.plain[name]

    def text(self, name: str) -> str:
        """A string."""
        value = self.take(name)
        need(isinstance(value, str), f"{self.what}: '{name}' is not a text")
        return cast("str", value)

    def id(self, name: str) -> str:
        """An id as in PROTOCOL.md §1."""
        value = self.text(name)
        need(_ID.fullmatch(value) is not None, f"{self.what}: '{name}' is not an id")
        return value

    def hex(self, name: str, size: int | None) -> str:
        """Lower-case hexadecimal digits of ``size`` bytes (any number: None)."""
        value = self.text(name)
        is_right = _HEX.fullmatch(value) is not None and (size is None or len(value) == 2 * size)
        need(is_right, f"{self.what}: '{name}' is not {size or ''} bytes in hexadecimal digits")
        return value

    def count(self, name: str, low: int = 0) -> int:
        """A whole number from ``low`` to 2⁵³−1."""
        value = self.take(name)
        need(type(value) is int and low <= value <= MAX_INT, f"{self.what}: '{name}' is not a number from {low} on")
        return cast("int", value)

    def optional_count(self, name: str) -> int | None:
        """A whole number, or null."""
        return None if self.plain.get(name, 0) is None and self.take(name) is None else self.count(name)

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self.take(name)
        need(isinstance(value, bool), f"{self.what}: '{name}' is neither true nor false")
        return cast("bool", value)

    def is_value(self, name: str, value: object) -> None:
        """A field that has one value only."""
        need(
            self.take(name) == value and type(self.plain[name]) is type(value), f"{self.what}: '{name}' is not {value}"
        )

    def list(self, name: str) -> list[object]:
        """A list."""
        return entries(self.take(name), f"{self.what}: '{name}'")

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        values = self.list(name)
        need(all(isinstance(each, str) for each in values), f"{self.what}: '{name}' is not a list of texts")
        return tuple(cast("list[str]", values))

    def counts(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers."""
        values = self.list(name)
        is_right = all(type(each) is int and 0 <= each <= MAX_INT for each in values)
        need(is_right, f"{self.what}: '{name}' is not a list of numbers")
        return tuple(cast("list[int]", values))

    def object(self, name: str) -> Fields:
        """An object inside."""
        return Fields(self.take(name), f"{self.what}: '{name}'")

    def optional_object(self, name: str) -> Fields | None:
        """An object inside, or null."""
        return None if self.take(name) is None else self.object(name)

    def objects(self, name: str) -> tuple[Fields, ...]:
        """A list of objects."""
        return tuple(Fields(each, f"{self.what}: '{name}'") for each in self.list(name))

    def number(self, name: str) -> float:
        """A number, whole or not (only in files that are not canonical)."""
        value = self.take(name)
        need(type(value) in {int, float}, f"{self.what}: '{name}' is not a number")
        return float(cast("float", value))

    def __iter__(self) -> Iterator[str]:
        """The names that are there."""
        return iter(self.plain)

    def end(self) -> None:
        """Refuse fields that nobody asked for."""
        need(not self._left, f"{self.what} has the unknown field '{min(self._left, default='')[:40]}'")


def _look_through(value: object) -> None:
    if isinstance(value, dict):
        for key, each in cast("dict[object, object]", value).items():
            if not isinstance(key, str):
                raise TypeError
            _look_through(each)
    elif isinstance(value, list):
        for each in cast("list[object]", value):
            _look_through(each)
    elif value is not None and type(value) not in {str, int, bool}:
        raise TypeError


def _refuse(_text: str) -> NoReturn:
    raise ValueError
