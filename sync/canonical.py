"""Canonical JSON: one byte string for one value, so that what is signed and hashed has one form only.

Written by `engine.canonical.canonical_bytes`; read back by `parse_canonical`, which accepts no other spelling.
`PROTOCOL.md` §1 states the form in full.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from engine.canonical import canonical_bytes, spelled
from engine.errors import EngineError
from sync.errors import DamagedError

__all__ = [
    "MAX_INT",
    "Message",
    "canonical_bytes",
    "named_place",
    "parse_canonical",
    "parse_model",
    "parse_table",
    "plain_of",
    "read_checked",
    "read_model",
]

_FIELD: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")

MAX_INT: Final = 2**53 - 1
"""Largest integer that every JSON reader keeps exactly (RFC 8259 §6)."""


def _refuse(_text: str) -> NoReturn:
    raise ValueError


_DECODER: Final = json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse)


class Message(BaseModel):
    """Base of everything parsed from outside: strict types, no unknown field, not changed afterwards."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    @field_validator("format", "suite", mode="before", check_fields=False)
    @classmethod
    def _is_a_number(cls, value: object) -> object:
        """Refuse ``true`` and ``1.0`` where 1 must stand: for Python, and so for ``Literal[1]``, they are equal."""
        if type(value) is not int:
            raise ValueError
        return value


M = TypeVar("M", bound=Message)


def parse_canonical(data: bytes, what: str, *, limit: int) -> object:
    """Plain data from canonical JSON.

    Args:
        data: the bytes; more than ``limit`` are refused before any parsing.
        what: what it is, for the error's sentence.
        limit: largest accepted size in bytes.

    Raises:
        DamagedError: too long, not JSON, or JSON in another spelling than the canonical one.
    """
    if len(data) > limit:
        raise DamagedError(what=what, fault=f"{len(data)} bytes where {limit} is the most")
    try:
        value: object = _DECODER.decode(data.decode("utf-8"))
        is_canonical = spelled(value) == data
    except (ValueError, TypeError, RecursionError) as error:
        raise DamagedError(what=what, fault="it is not canonical JSON") from error
    if not is_canonical:
        raise DamagedError(what=what, fault="it is JSON, but not in canonical form")
    return value


def parse_table(data: bytes, what: str, *, limit: int) -> dict[str, object]:
    """`parse_canonical` where the value must be an object.

    Raises:
        DamagedError: as there, or another kind of value.
    """
    value = parse_canonical(data, what, limit=limit)
    if not isinstance(value, dict):
        raise DamagedError(what=what, fault="it is not an object")
    return cast("dict[str, object]", value)


def parse_model(model: type[M], plain: object, what: str) -> M:
    """A strict model from plain data as `parse_canonical` gives it.

    Raises:
        DamagedError: a field is missing, unknown, of the wrong type or out of range; the sentence names it.
    """
    try:
        data = canonical_bytes(plain)
    except EngineError as error:
        raise DamagedError(what=what, fault="it is not plain data") from error
    return read_checked(model, data, what)


def read_model(model: type[M], data: bytes, what: str, *, limit: int) -> M:
    """A strict model from canonical JSON; refuses what `parse_canonical` and `parse_model` refuse.

    Raises:
        DamagedError: see there.
    """
    parse_canonical(data, what, limit=limit)
    return read_checked(model, data, what)


def plain_of(message: Message) -> dict[str, Any]:
    """A model's fields as plain data for `canonical_bytes`."""
    return message.model_dump(mode="json")


def read_checked(model: type[M], data: bytes, what: str) -> M:
    """As `read_model`, for bytes whose size and canonical form were checked already.

    Raises:
        DamagedError: see `parse_model`.
    """
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise DamagedError(what=what, fault=_first_fault(error)) from error


def named_place(place: tuple[int | str, ...]) -> str:
    """Where a fault stands, dotted. Only words like our fields' names are told; what a sender made up is left out."""
    return ".".join(str(step) for step in place if isinstance(step, int) or _FIELD.fullmatch(step))


def _first_fault(error: ValidationError) -> str:
    """The first fault's field and rule, never the value or an unknown field's name: it may be someone's name."""
    fault = error.errors(include_input=False, include_url=False)[0]
    return f"field '{named_place(fault['loc']) or 'unknown'}': {fault['type']}"
