"""Reading plain data (from JSON) strictly: exact types, nothing missing, nothing unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import Final, TypeVar, cast

from engine.errors import DataError

LARGEST: Final = 2**53 - 1
"""Largest whole number in a file: every JSON reader keeps it exactly (RFC 8259 §6), and it goes into a float."""

T = TypeVar("T")


class Reader:
    """One JSON object being read: every field is asked for once, and `finish` refuses what nobody asked for."""

    def __init__(self, plain: object, *, where: str, error: type[DataError], path: str = "") -> None:
        """Start reading; ``path`` is where this object stands within ``where``."""
        self.where = where
        self.error = error
        self.path = path
        if type(plain) is not dict:
            raise self.fault("", f"{_name(plain)} stands where an object is needed", "Write an object { … }")
        self._fields = cast("dict[str, object]", plain)
        self._asked: set[str] = set()

    def fault(self, field: str, fault: str, remedy: str) -> DataError:
        """The error for a field of this object, to be raised by the caller."""
        return self.error(where=self.where, field=self._at(field) or "(whole)", fault=fault, remedy=remedy)

    def text(self, field: str) -> str:
        """A string that is not empty."""
        value = self._take(field, str, "a text")
        if not value.strip():
            raise self.fault(field, "the text is empty", "Write it out")
        return value

    def optional_text(self, field: str) -> str | None:
        """A string that is not empty, or null."""
        return None if self._raw(field) is None else self.text(field)

    def integer(self, field: str, low: int = 0) -> int:
        """An integer of at least ``low``, at most `LARGEST`."""
        value = self._take(field, int, "a whole number")
        if value > LARGEST:
            raise self.fault(field, f"the number is above {LARGEST}", "Write a smaller one")
        if value < low:
            raise self.fault(field, f"the number is below {low}", f"Write {low} or more")
        return value

    def optional_integer(self, field: str, low: int = 0) -> int | None:
        """An integer of at least ``low``, or null."""
        if self._raw(field) is None:
            return None
        return self.integer(field, low)

    def number(self, field: str) -> float:
        """A finite number, whole or with decimals."""
        return self._number(self._raw(field), field)

    def boolean(self, field: str) -> bool:
        """True or false."""
        return self._take(field, bool, "true or false")

    def choice(self, field: str, allowed: tuple[str, ...]) -> str:
        """One of a few words."""
        value = self.text(field)
        if value not in allowed:
            raise self.fault(field, f"'{value}' is not one of {', '.join(allowed)}", "Write one of these")
        return value

    def texts(self, field: str) -> tuple[str, ...]:
        """A list of different strings, possibly empty."""
        texts = self.list_of_texts(field)
        if len(set(texts)) != len(texts):
            raise self.fault(field, "something stands there twice", "Write each once")
        return texts

    def list_of_texts(self, field: str) -> tuple[str, ...]:
        """A list of strings, possibly empty, possibly repeating."""
        values = self._list(field)
        for index, value in enumerate(values):
            if type(value) is not str or not value:
                raise self.fault(f"{field}[{index}]", f"{_name(value)} stands where a text is needed", "Write a text")
        return tuple(cast("list[str]", cast("object", values)))

    def integers(self, field: str, low: int = 0) -> tuple[int, ...]:
        """A list of integers of at least ``low``."""
        values = self._list(field)
        for index, value in enumerate(values):
            if type(value) is not int or not low <= value <= LARGEST:
                raise self.fault(
                    f"{field}[{index}]",
                    f"{_name(value)} stands where a whole number is needed",
                    f"Write a number from {low} to {LARGEST}",
                )
        return tuple(cast("list[int]", cast("object", values)))

    def numbers(self, field: str) -> tuple[float, ...]:
        """A list of finite numbers."""
        return tuple(self._number(value, f"{field}[{index}]") for index, value in enumerate(self._list(field)))

    def object(self, field: str) -> Reader:
        """An object within this one."""
        return Reader(self._raw(field), where=self.where, error=self.error, path=self._at(field))

    def optional_object(self, field: str) -> Reader | None:
        """An object within this one, or null."""
        return None if self._raw(field) is None else self.object(field)

    def objects(self, field: str) -> tuple[Reader, ...]:
        """A list of objects."""
        values = self._list(field)
        return tuple(
            Reader(value, where=self.where, error=self.error, path=f"{self._at(field)}[{index}]")
            for index, value in enumerate(values)
        )

    def mapping(self, field: str, read: Callable[[Reader, str], T]) -> Mapping[str, T]:
        """An object whose keys are data; ``read`` reads the value under a key."""
        inner = self.object(field)
        return {key: read(inner, key) for key in inner.keys()}  # noqa: SIM118  not a dict

    def keys(self) -> Iterator[str]:
        """The names of all fields."""
        return iter(tuple(self._fields))

    def finish(self) -> None:
        """Refuse fields that were not asked for."""
        for field in self._fields:
            if field not in self._asked:
                raise self.fault(field, "there is no such field", "Take it out or correct its name")

    def _take(self, field: str, wanted: type[T], called: str) -> T:
        value = self._raw(field)
        if type(value) is not wanted:
            raise self.fault(field, f"{_name(value)} stands where {called} is needed", f"Write {called}")
        return cast("T", value)

    def _number(self, value: object, field: str) -> float:
        if type(value) is int and abs(value) <= LARGEST:
            return float(value)
        if type(value) is not float or not isfinite(value):
            raise self.fault(field, f"{_name(value)} stands where a finite number is needed", "Write a finite number")
        return value

    def _list(self, field: str) -> list[object]:
        return cast("list[object]", self._take(field, list, "a list"))

    def _raw(self, field: str) -> object:
        self._asked.add(field)
        if field not in self._fields:
            raise self.fault(field, "it is missing", "Add it")
        return self._fields[field]

    def _at(self, field: str) -> str:
        return ".".join(part for part in (self.path, field) if part)


_NAMES: dict[type, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def _name(value: object) -> str:
    return _NAMES.get(type(value), type(value).__name__)
